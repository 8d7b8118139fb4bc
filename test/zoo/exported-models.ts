/** The models that export_models.py trains and exports. */
import type { Tensor } from '../../src/core/tensor.ts';
import { floats, integers, type Random, rows, texts } from './inputs.ts';
import type { ZooModel } from './zoo-model.ts';

const EXPORTED = 'scikit-learn 1.9.1, skl2onnx 1.20.0';
const table = (columns: number, low: number, high: number) => (random: Random) => ({
  x: floats(random, [rows(random, 6), columns], low, high),
});
const digits = (random: Random): Record<string, Tensor> => ({
  x: integers(random, 'float32', [rows(random, 6), 64], 0, 16),
});
/** Of about the ranges that the cells of load_breast_cancer have. */
const cells = table(30, 0, 3);

export const EXPORTED_MODELS: readonly ZooModel[] = [
  {
    name: 'random-forest',
    package: EXPORTED,
    kind: 'classification of tables',
    file: 'exports/random-forest.onnx',
    inputs: digits,
  },
  {
    name: 'logistic-regression',
    package: EXPORTED,
    kind: 'classification of tables',
    file: 'exports/logistic-regression.onnx',
    inputs: cells,
  },
  { name: 'svc', package: EXPORTED, kind: 'classification of tables', file: 'exports/svc.onnx', inputs: cells },
  { name: 'mlp', package: EXPORTED, kind: 'classification of tables', file: 'exports/mlp.onnx', inputs: digits },
  {
    name: 'mlp-int8',
    package: `${EXPORTED}, onnxruntime 1.30.0`,
    kind: 'classification of tables, int8',
    file: 'exports/mlp-int8.onnx',
    inputs: digits,
  },
  {
    name: 'k-nearest-neighbours',
    package: EXPORTED,
    kind: 'classification of tables',
    file: 'exports/k-nearest-neighbours.onnx',
    inputs: digits,
  },
  { name: 'k-means', package: EXPORTED, kind: 'clustering', file: 'exports/k-means.onnx', inputs: digits },
  {
    name: 'isolation-forest',
    package: EXPORTED,
    kind: 'anomaly detection',
    file: 'exports/isolation-forest.onnx',
    inputs: cells,
  },
  {
    name: 'gradient-boosting',
    package: EXPORTED,
    kind: 'regression',
    file: 'exports/gradient-boosting.onnx',
    inputs: table(10, -0.1, 0.1),
  },
  {
    name: 'lightgbm-classifier',
    package: 'lightgbm 4.7.0, onnxmltools 1.16.0',
    kind: 'classification of tables',
    file: 'exports/lightgbm-classifier.onnx',
    inputs: cells,
  },
  {
    name: 'lightgbm-regressor',
    package: 'lightgbm 4.7.0, onnxmltools 1.16.0',
    kind: 'regression',
    file: 'exports/lightgbm-regressor.onnx',
    inputs: table(10, -0.1, 0.1),
  },
  {
    name: 'xgboost',
    package: 'xgboost-cpu 3.2.0, onnxmltools 1.16.0',
    kind: 'classification of tables',
    file: 'exports/xgboost.onnx',
    inputs: cells,
  },
  {
    name: 'tfidf-lr',
    package: EXPORTED,
    kind: 'classification of texts',
    file: 'exports/tfidf-lr.onnx',
    inputs: (random) => ({ text: texts(random, rows(random, 6), ['the', 'model', 'request', 'is', 'quick', 'hangs']) }),
  },
];
