/** Backend `onnx` by ONNX Runtime's public API only, to which it falls back, as a plug-in. */
import { onnxBackend } from '../../src/backends/onnx/onnx-backend.ts';
import { openPublic } from '../../src/backends/onnx/ort-model.ts';

export const backend = onnxBackend(openPublic);
