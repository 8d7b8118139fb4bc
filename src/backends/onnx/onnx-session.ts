/**
 * One ONNX model opened in ONNX Runtime.
 *
 * ORT computes on the calling thread and blocks it until done (its `run` is a promise in name only): a session belongs
 * in a host. Two runs at once are safe and simply follow each other.
 */
import { ServingError } from '../../core/errors.ts';
import type { Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { RunSync, Session } from '../backend.ts';
import { checkRun } from '../check-run.ts';
import { runError } from './ort-errors.ts';
import type { OrtModel, OrtTensors } from './ort-model.ts';
import { fromResults, toFeeds } from './ort-tensors.ts';

export class OnnxSession implements Session {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly runSync: RunSync | undefined;
  readonly #ort: OrtModel;
  #running = 0;
  #closed: Promise<void> | undefined;
  /** Set by close() while runs are in progress; the last of them calls it. */
  #onIdle: (() => void) | undefined;

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
    this.#running++;
    try {
      return await runOrt(this.#ort, feeds, outputs);
    } finally {
      this.#running--;
      if (this.#running === 0) this.#onIdle?.();
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
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#ort.release();
  }
}

/** One run with the errors made ours. The named outputs are tensors: the signature has no other. */
export async function runOrt(ort: OrtModel, feeds: OrtTensors, outputs: readonly string[]): Promise<TensorMap> {
  try {
    return fromResults(await ort.run(feeds, outputs), outputs);
  } catch (error) {
    throw runError(error);
  }
}
