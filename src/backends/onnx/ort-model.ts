/** Opens models by ONNX Runtime's public API. */
import { InferenceSession, type OrtModel, type OrtTensors } from '../../internals/ort-library.ts';

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
