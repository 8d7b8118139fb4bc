/** Opens models by ONNX Runtime's public API. */
import { InferenceSession, type OrtModel, type OrtTensors } from '../../internals/ort-library.ts';

/** Opens a file or a model's bytes by the public API, whose runs compute in a later turn of the event loop. */
export async function openPublic(
  source: string | Uint8Array<ArrayBuffer>,
  options: InferenceSession.SessionOptions,
): Promise<OrtModel> {
  return publicModel(await createSession(source, options));
}

/** The API has an overload for each. */
export function createSession(
  source: string | Uint8Array<ArrayBuffer>,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  return typeof source === 'string'
    ? InferenceSession.create(source, options)
    : InferenceSession.create(source, options);
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
