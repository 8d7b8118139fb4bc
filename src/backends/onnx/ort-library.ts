/**
 * ONNX Runtime's library. Nothing else imports it (the test of the layers sees to that), so it is never loaded before its telemetry is
 * off (quiet-runtimes.ts).
 */
import '../quiet-runtimes.ts';

export { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';

/** The native binding below the public API: private to onnxruntime-node, so nothing of it is taken on trust. */
export type BindingModule = typeof import('onnxruntime-node/dist/binding.js');

/** Rejects where onnxruntime-node has no such module any more. */
export function importBinding(): Promise<BindingModule> {
  return import('onnxruntime-node/dist/binding.js');
}
