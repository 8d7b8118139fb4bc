/** What is known of backend `onnx` without ONNX Runtime's library. */
import type { BackendFacts } from '../backend.ts';

export const ONNX_FACTS: BackendFacts = {
  kind: 'onnx',
  hasSessionThreads: true,
  // The loader reads where CUDA's libraries are when a process starts, and what crashes in a driver ends no server.
  devicesMustRunIn: 'process',
};
