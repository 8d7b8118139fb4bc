/** Backend `onnx` by ONNX Runtime's public API alone, as a plug-in: what it falls back to. */
import { onnxBackend } from '../../src/backends/onnx/onnx-backend.ts';
import { openPublic } from '../../src/backends/onnx/ort-model.ts';

export const backend = onnxBackend(openPublic);
