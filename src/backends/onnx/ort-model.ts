/**
 * One model opened in ONNX Runtime, by its public API or directly (direct-model.ts): the little that the rest of this
 * folder needs of either. Throws ORT's own errors; ort-errors.ts makes ours of them.
 */
import { InferenceSession, type Tensor as OrtTensor } from './ort-library.ts';

export type ValueMetadata = InferenceSession.ValueMetadata;
export type OrtTensors = Readonly<Record<string, OrtTensor>>;

export interface OrtModel {
  readonly inputMetadata: readonly ValueMetadata[];
  readonly outputMetadata: readonly ValueMetadata[];
  /** Computes on the calling thread and blocks it. The results are in fresh memory, the caller's to keep. */
  run(feeds: OrtTensors, outputs: readonly string[]): Promise<OrtTensors>;
  /** The same, done when it returns; undefined where only a promise is to be had. */
  readonly runSync: ((feeds: OrtTensors, outputs: readonly string[]) => OrtTensors) | undefined;
  /** Frees the native memory. */
  release(): Promise<void>;
}

/** Opens the file by the public API, whose run computes in a later turn of the event loop. */
export async function openPublic(file: string, options: InferenceSession.SessionOptions): Promise<OrtModel> {
  return publicModel(await InferenceSession.create(file, options));
}

/** A session of the public API. */
export function publicModel(session: InferenceSession): OrtModel {
  return {
    inputMetadata: session.inputMetadata,
    outputMetadata: session.outputMetadata,
    // What a model of plain tensors (onnx-signature.ts sees to it) gives are plain tensors.
    run: async (feeds, outputs) => (await session.run(feeds, outputs)) as OrtTensors,
    runSync: undefined,
    release: () => session.release(),
  };
}
