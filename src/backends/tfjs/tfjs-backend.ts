/** Backend `tfjs`: a SavedModel, or else a model of TensorFlow.js. */
import { JSON_MODEL, SAVED_MODEL, tensorflowBackend } from './tensorflow-artifacts.ts';

export const backend = tensorflowBackend('tfjs', [SAVED_MODEL, JSON_MODEL]);
