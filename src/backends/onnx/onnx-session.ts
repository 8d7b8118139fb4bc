/**
 * A session of ONNX Runtime.
 *
 * ORT computes on the calling thread and blocks it, even though its `run` returns a promise. Overlapping runs are safe:
 * they follow each other.
 */
import { ServingError } from '../../core/errors.ts';
import type { Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { RunSync, Session } from '../backend.ts';
import { checkRun } from '../check-run.ts';
import { RunsInFlight } from '../host/hosted-session.ts';
import { runError } from './ort-errors.ts';
import type { OrtModel, OrtTensors } from './ort-model.ts';
import { fromResults, toFeeds } from './ort-tensors.ts';

export class OnnxSession implements Session {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly runSync: RunSync | undefined;
  readonly #ort: OrtModel;
  readonly #inFlight = new RunsInFlight();
  #closed: Promise<void> | undefined;

  constructor(ort: OrtModel, signatures: ReadonlyMap<string, Signature>) {
    this.#ort = ort;
    this.signatures = signatures;
    const { runSync } = ort;
    this.runSync = runSync && ((name, inputs, outputs) => this.#runSync(runSync, name, inputs, outputs));
  }

  async run(signatureName: string, inputs: TensorMap, outputs: readonly string[]): Promise<TensorMap> {
    this.#check(signatureName, inputs, outputs);
    if (outputs.length === 0) return new Map();
    const feeds = toFeeds(inputs);
    this.#inFlight.begin();
    try {
      return await runOrt(this.#ort, feeds, outputs);
    } finally {
      this.#inFlight.end();
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#release();
    return this.#closed;
  }

  #runSync(
    runSync: NonNullable<OrtModel['runSync']>,
    signatureName: string,
    inputs: TensorMap,
    outputs: readonly string[],
  ): TensorMap {
    this.#check(signatureName, inputs, outputs);
    if (outputs.length === 0) return new Map();
    try {
      return fromResults(runSync(toFeeds(inputs), outputs), outputs);
    } catch (error) {
      throw runError(error);
    }
  }

  #check(signatureName: string, inputs: TensorMap, outputs: readonly string[]): void {
    if (this.#closed !== undefined) throw new ServingError('backend_failed', 'the model has been unloaded');
    checkRun(this.signatures, signatureName, inputs, outputs);
  }

  async #release(): Promise<void> {
    await this.#inFlight.idle();
    await this.#ort.release();
  }
}

/** Runs the model. Rejects with ServingError. */
export async function runOrt(ort: OrtModel, feeds: OrtTensors, outputs: readonly string[]): Promise<TensorMap> {
  try {
    return fromResults(await ort.run(feeds, outputs), outputs);
  } catch (error) {
    throw runError(error);
  }
}
