/**
 * PredictResponse (tensorflow_serving/apis/predict.proto) → its outputs, of a recorded answer or of another server.
 */
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { lengthDelimited, WireReader } from '../protobuf/wire-reader.ts';
import { readTensorEntry } from './predict-request-reader.ts';
import { tensorBudget } from './tensor-proto/tensor-budget.ts';

const OUTPUTS = 1;

/** Throws ServingError as readPredictRequest does. Tensors are views of the message where they can be. */
export function readPredictResponse(message: Uint8Array, maxTensorBytes: number): TensorMap {
  const reader = new WireReader(message, 'PredictResponse');
  const outputs = new Map<string, Tensor>();
  const budget = tensorBudget(maxTensorBytes);
  while (reader.next()) {
    if (reader.tag === lengthDelimited(OUTPUTS)) readTensorEntry(reader, outputs, budget);
    else reader.skip();
  }
  return outputs;
}
