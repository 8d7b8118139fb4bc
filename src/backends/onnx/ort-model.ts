/**
 * A model opened in ONNX Runtime, by its public API or directly (direct-model.ts). It throws ORT's errors, which
 * ort-errors.ts converts.
 */
import { InferenceSession, type Tensor as OrtTensor } from './ort-library.ts';

export type ValueMetadata = InferenceSession.ValueMetadata;
export type OrtTensors = Readonly<Record<string, OrtTensor>>;

export interface OrtModel {
  readonly inputMetadata: readonly ValueMetadata[];
  readonly outputMetadata: readonly ValueMetadata[];
  /** Computes on the calling thread and blocks it. The results are in new memory; the caller may keep them. */
  run(feeds: OrtTensors, outputs: readonly string[]): Promise<OrtTensors>;
  /** The synchronous form of `run`; undefined for the public API. */
  readonly runSync: ((feeds: OrtTensors, outputs: readonly string[]) => OrtTensors) | undefined;
  /** Frees the native memory. */
  release(): Promise<void>;
}

/** Opens the file by the public API, whose runs compute in a later turn of the event loop. */
export async function openPublic(file: string, options: InferenceSession.SessionOptions): Promise<OrtModel> {
  return publicModel(await InferenceSession.create(file, options));
}

/** A session of the public API. */
export function publicModel(session: InferenceSession): OrtModel {
  return {
    inputMetadata: session.inputMetadata,
    outputMetadata: session.outputMetadata,
    // onnx-signature.ts leaves out outputs that are not tensors.
    run: async (feeds, outputs) => (await session.run(feeds, outputs)) as OrtTensors,
    runSync: undefined,
    release: () => session.release(),
  };
}
