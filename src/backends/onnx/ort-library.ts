/**
 * ONNX Runtime's library. No other file imports it (test/unit/layers.test.ts checks that), so it is never loaded before
 * its telemetry is disabled.
 */
import '../runtime-telemetry.ts';

export { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';

/** The native binding below the public API. It is private to onnxruntime-node, so its users must verify it. */
export type BindingModule = typeof import('onnxruntime-node/dist/binding.js');

/** Rejects if onnxruntime-node has no such module. */
export function importBinding(): Promise<BindingModule> {
  return import('onnxruntime-node/dist/binding.js');
}
