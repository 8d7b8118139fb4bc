/**
 * One ONNX model opened in ONNX Runtime.
 *
 * ORT computes on the calling thread and blocks it until done (its `run` is a promise in name only): a session belongs
 * in a host. Two runs at once are safe and simply follow each other.
 */
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { ServingError } from '../../core/errors.ts';
import type { Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { Session } from '../backend.ts';
import { checkRun } from '../check-run.ts';
import { runError } from './ort-errors.ts';
import { fromResults, toFeeds } from './ort-tensors.ts';

export class OnnxSession implements Session {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly #ort: InferenceSession;
  #running = 0;
  #closed: Promise<void> | undefined;
  /** Set by close() while runs are in progress; the last of them calls it. */
  #onIdle: (() => void) | undefined;

  constructor(ort: InferenceSession, signatures: ReadonlyMap<string, Signature>) {
    this.#ort = ort;
    this.signatures = signatures;
  }

  async run(signatureName: string, inputs: TensorMap, outputs: readonly string[]): Promise<TensorMap> {
    if (this.#closed !== undefined) throw new ServingError('backend_failed', 'the model has been unloaded');
    checkRun(this.signatures, signatureName, inputs, outputs);
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
export async function runOrt(
  ort: InferenceSession,
  feeds: Record<string, OrtTensor>,
  outputs: readonly string[],
): Promise<TensorMap> {
  try {
    return fromResults((await ort.run(feeds, outputs)) as Readonly<Record<string, OrtTensor>>, outputs);
  } catch (error) {
    throw runError(error);
  }
}
