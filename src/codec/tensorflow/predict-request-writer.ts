/**
 * PredictRequest and PredictResponse (tensorflow_serving/apis/predict.proto) for records of requests, on every surface,
 * and for requests to another server.
 *
 * Numbers go into tensor_content, where a copy of their bytes is exact and smallest; strings go into string_val, which
 * TensorFlow's own Python reads them from.
 */
import type { ModelSpec, ResolvedModelSpec } from '../../core/model-spec.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { message, messageField, WireWriter } from '../protobuf/wire-writer.ts';
import { encodeModelSpec, encodeRequestedSpec } from './model-spec-codec.ts';
import { measureTensorMap, writeTensorMap } from './tensor-proto/tensor-proto-writer.ts';

const REQUEST = { modelSpec: 1, inputs: 2, outputFilter: 3 } as const;
const RESPONSE = { outputs: 1, modelSpec: 2 } as const;

export function writePredictRequest(spec: ModelSpec, inputs: TensorMap, outputFilter: readonly string[]): Uint8Array {
  return message(
    messageField(REQUEST.modelSpec, encodeRequestedSpec(spec)),
    writeTensors(REQUEST.inputs, inputs),
    ...outputFilter.map((name) => messageField(REQUEST.outputFilter, name)),
  );
}

/** The response of a record. PredictResponseWriter writes the answers to clients. */
export function writeRecordedResponse(spec: ResolvedModelSpec, outputs: TensorMap): Uint8Array {
  return message(writeTensors(RESPONSE.outputs, outputs), messageField(RESPONSE.modelSpec, encodeModelSpec(spec)));
}

/** A map<string, TensorProto>. */
function writeTensors(field: number, tensors: TensorMap): Uint8Array {
  const measure = measureTensorMap(field, tensors, true, false);
  const writer = new WireWriter(measure.size);
  writeTensorMap(writer, field, tensors, measure);
  return writer.buffer;
}
