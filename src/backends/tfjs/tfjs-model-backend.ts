/** Backend `tfjs_model`: only a model of TensorFlow.js, where a directory has a SavedModel as well. */
import { JSON_MODEL, tensorflowBackend } from './tensorflow-artifacts.ts';

export const backend = tensorflowBackend('tfjs_model', [JSON_MODEL]);
