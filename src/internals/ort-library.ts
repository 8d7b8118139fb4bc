/**
 * ONNX Runtime's library. No other file imports it (test/unit/layers.test.ts checks that), so it is never loaded before
 * its telemetry is disabled.
 */
import './runtime-telemetry.ts';
import { createRequire } from 'node:module';
import type { InferenceSession, Tensor } from 'onnxruntime-node';

export { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';

/** The native binding below the public API. It is private to onnxruntime-node, so its users must verify it. */
export type BindingModule = typeof import('onnxruntime-node/dist/binding.js');

/** Throws if onnxruntime-node has no such module. It is in CommonJS, which `require` loads in a third of an import's time. */
export function requireBinding(): BindingModule {
  return createRequire(import.meta.url)('onnxruntime-node/dist/binding.js');
}

export type ValueMetadata = InferenceSession.ValueMetadata;
export type OrtTensors = Readonly<Record<string, Tensor>>;

/** A model opened in ONNX Runtime, by its public API or directly (direct-model.ts). It throws ONNX Runtime's errors. */
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
