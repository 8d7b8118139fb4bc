/**
 * Outputs → PredictResponse (tensorflow_serving/apis/predict.proto): one buffer of exactly the answer's size.
 */
import { Buffer } from 'node:buffer';
import type { ResolvedModelSpec } from '../../core/model-spec.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { lengthDelimitedSize, WireWriter } from '../protobuf/wire-writer.ts';
import { encodeModelSpec } from './model-spec-codec.ts';
import { measureTensor, type TensorMeasure, writeTensor } from './tensor-proto/tensor-proto-writer.ts';

const OUTPUTS = 1;
const MODEL_SPEC = 2;
const MAP_KEY = 1;
const MAP_VALUE = 2;

interface OutputMeasure {
  readonly keySize: number;
  readonly entrySize: number;
  readonly tensor: TensorMeasure;
}

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
  const measures: OutputMeasure[] = [];
  const encodedSpec = encodeModelSpec(spec);
  let size = lengthDelimitedSize(MODEL_SPEC, encodedSpec.length);
  for (const [name, tensor] of outputs) {
    const keySize = Buffer.byteLength(name);
    const measure = measureTensor(tensor, asContent);
    const entrySize = lengthDelimitedSize(MAP_KEY, keySize) + lengthDelimitedSize(MAP_VALUE, measure.size);
    size += lengthDelimitedSize(OUTPUTS, entrySize);
    measures.push({ keySize, entrySize, tensor: measure });
  }
  const writer = new WireWriter(size, room);
  let index = 0;
  for (const [name, tensor] of outputs) {
    const { keySize, entrySize, tensor: measure } = measures[index++]!;
    writer.head(OUTPUTS, entrySize);
    writer.head(MAP_KEY, keySize);
    writer.text(name, keySize);
    writer.head(MAP_VALUE, measure.size);
    writeTensor(writer, tensor, measure, asContent);
  }
  writer.head(MODEL_SPEC, encodedSpec.length);
  writer.bytes(encodedSpec);
  return writer.buffer;
}
