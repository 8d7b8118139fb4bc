/** Backend `saved_model`: only a SavedModel, where a directory has a model of TensorFlow.js as well. */
import { SAVED_MODEL, tensorflowBackend } from './tensorflow-artifacts.ts';

export const backend = tensorflowBackend('saved_model', [SAVED_MODEL]);
