/**
 * Predict's messages (tensorflow_serving/apis/predict.proto), written: the answers to clients, and requests and answers
 * for records and for other servers.
 *
 * In records and requests numbers go into tensor_content, where a copy of their bytes is exact and smallest; strings go
 * into string_val, which TensorFlow's own Python reads them from.
 */
import type { ModelSpec, ResolvedModelSpec } from '../../core/model-spec.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { lengthDelimitedSize, message, messageField, WireWriter } from '../protobuf/wire-writer.ts';
import { encodeModelSpec, encodeRequestedSpec } from './model-spec-codec.ts';
import { measureTensorMap, writeTensorMap } from './tensor-proto/tensor-proto-writer.ts';

const REQUEST = { modelSpec: 1, inputs: 2, outputFilter: 3 } as const;
const RESPONSE = { outputs: 1, modelSpec: 2 } as const;

export function writePredictRequest(spec: ModelSpec, inputs: TensorMap, outputFilter: readonly string[]): Uint8Array {
  const measure = measureTensorMap(REQUEST.inputs, inputs, true, false);
  const writer = new WireWriter(measure.size);
  writeTensorMap(writer, REQUEST.inputs, inputs, measure);
  return message(
    messageField(REQUEST.modelSpec, encodeRequestedSpec(spec)),
    writer.buffer,
    ...outputFilter.map((name) => messageField(REQUEST.outputFilter, name)),
  );
}

/** The response of a record. */
export function writeRecordedResponse(spec: ResolvedModelSpec, outputs: TensorMap): Uint8Array {
  return writePredictResponse(spec, outputs, true, 0, false);
}

/**
 * One buffer of exactly the answer's size.
 *
 * @param asContent elements in tensor_content instead of the typed *_val fields
 * @param room bytes left free in front of the message
 * @param stringsAsContent asContent for strings
 */
export function writePredictResponse(
  spec: ResolvedModelSpec,
  outputs: TensorMap,
  asContent: boolean,
  room = 0,
  stringsAsContent = asContent,
): Uint8Array {
  const encodedSpec = encodeModelSpec(spec);
  const measure = measureTensorMap(RESPONSE.outputs, outputs, asContent, stringsAsContent);
  const writer = new WireWriter(measure.size + lengthDelimitedSize(RESPONSE.modelSpec, encodedSpec.length), room);
  writeTensorMap(writer, RESPONSE.outputs, outputs, measure);
  writer.head(RESPONSE.modelSpec, encodedSpec.length);
  writer.bytes(encodedSpec);
  return writer.buffer;
}
