/** The facts of backend `onnx` that need no library of ONNX Runtime. */
import type { BackendFacts } from '../backend.ts';

export const ONNX_FACTS: BackendFacts = {
  kind: 'onnx',
  hasSessionThreads: true,
  // The loader reads where CUDA's libraries are when a process starts, and what crashes in a driver ends no server.
  devicesMustRunIn: 'process',
};
