/**
 * Outputs → PredictResponse (tensorflow_serving/apis/predict.proto): one buffer of exactly the answer's size.
 */
import type { ResolvedModelSpec } from '../../core/model-spec.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { lengthDelimitedSize, WireWriter } from '../protobuf/wire-writer.ts';
import { encodeModelSpec } from './model-spec-codec.ts';
import { measureTensorMap, writeTensorMap } from './tensor-proto/tensor-proto-writer.ts';

const OUTPUTS = 1;
const MODEL_SPEC = 2;

/**
 * @param asContent elements in tensor_content instead of the typed *_val fields
 * @param room bytes left free in front of the message
 */
export function writePredictResponse(
  spec: ResolvedModelSpec,
  outputs: TensorMap,
  asContent: boolean,
  room = 0,
): Uint8Array {
  const encodedSpec = encodeModelSpec(spec);
  const measure = measureTensorMap(OUTPUTS, outputs, asContent);
  const writer = new WireWriter(measure.size + lengthDelimitedSize(MODEL_SPEC, encodedSpec.length), room);
  writeTensorMap(writer, OUTPUTS, outputs, measure);
  writer.head(MODEL_SPEC, encodedSpec.length);
  writer.bytes(encodedSpec);
  return writer.buffer;
}
