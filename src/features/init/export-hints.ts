/** How a model is exported whose file is not served as it is: docs/how-to/models.md in one line each. */
import { extname } from 'node:path';

const SKLEARN =
  'a pickle is code that only Python runs; of scikit-learn, export it as ONNX: skl2onnx.to_onnx(model, initial_types=…); ' +
  'of XGBoost or LightGBM, save the booster: booster.save_model("model.json"), or ("model.txt")';
const KERAS = 'Keras’s own files are not served; write a SavedModel, model.export("DIR"), and give DIR';
const TORCH =
  'PyTorch’s own files are not served; export it as ONNX: torch.onnx.export(model, example, "model.onnx", ' +
  'dynamic_axes={…}), or optimum-cli export onnx for transformers';

const HINTS: Readonly<Record<string, string>> = {
  '.pkl': SKLEARN,
  '.pickle': SKLEARN,
  '.joblib': SKLEARN,
  '.keras': KERAS,
  '.h5': KERAS,
  '.hdf5': KERAS,
  '.weights': KERAS,
  '.pt': TORCH,
  '.pth': TORCH,
  '.bin': TORCH,
  '.ckpt': TORCH,
  '.safetensors': TORCH,
  '.ubj': 'it does not begin as XGBoost’s binary form does; save it anew: booster.save_model("model.ubj")',
  '.cbm': 'CatBoost’s own files are not served; write ONNX: model.save_model("model.onnx", format="onnx")',
  '.tflite': 'TensorFlow Lite’s files are not served; give the SavedModel that it was made of',
  '.pb': 'a graph alone is not served; give the folder of a SavedModel, which holds saved_model.pb',
  '.gguf': 'language models of llama.cpp are not served here',
};

/** The first byte of Python's pickles of protocol 2 and newer; the protocol follows. */
const PICKLE = 0x80;
const MAX_PICKLE_PROTOCOL = 5;

const SERVED =
  'served are an ONNX file, the folder of a SavedModel, model.json of XGBoost, LightGBM or TensorFlow.js, model.ubj of XGBoost, and model.txt of LightGBM';

/** The sentence's end for a file of no form that is known; `head`: its first bytes as Latin-1. */
export function exportHint(path: string, head: string): string {
  const known = HINTS[extname(path).toLowerCase()];
  if (known !== undefined) return known;
  if (head.charCodeAt(0) === PICKLE && head.charCodeAt(1) <= MAX_PICKLE_PROTOCOL) return SKLEARN;
  return `its form is not known; ${SERVED}`;
}
