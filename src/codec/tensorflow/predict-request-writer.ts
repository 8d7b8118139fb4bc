/**
 * What a Predict was asked → PredictRequest (tensorflow_serving/apis/predict.proto), and its outputs → PredictResponse
 * in the same form: for records of requests, whichever surface they came by.
 *
 * Numbers go into tensor_content, where a copy of their bytes is exact and as small as it gets; strings into string_val,
 * which is what TensorFlow's own Python reads them from.
 */
import { Buffer } from 'node:buffer';
import type { ModelSpec, ResolvedModelSpec } from '../../core/model-spec.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { lengthDelimitedSize, message, messageField, WireWriter } from '../protobuf/wire-writer.ts';
import { encodeModelSpec, encodeRequestedSpec } from './model-spec-codec.ts';
import { measureTensor, type TensorMeasure, writeTensor } from './tensor-proto/tensor-proto-writer.ts';

const MAP_KEY = 1;
const MAP_VALUE = 2;
const REQUEST = { modelSpec: 1, inputs: 2, outputFilter: 3 } as const;
const RESPONSE = { outputs: 1, modelSpec: 2 } as const;

export function writePredictRequest(spec: ModelSpec, inputs: TensorMap, outputFilter: readonly string[]): Uint8Array {
  return message(
    messageField(REQUEST.modelSpec, encodeRequestedSpec(spec)),
    writeTensors(REQUEST.inputs, inputs),
    ...outputFilter.map((name) => messageField(REQUEST.outputFilter, name)),
  );
}

/** Beside writePredictResponse, which answers requests and may be told either form for all outputs. */
export function writeRecordedResponse(spec: ResolvedModelSpec, outputs: TensorMap): Uint8Array {
  return message(writeTensors(RESPONSE.outputs, outputs), messageField(RESPONSE.modelSpec, encodeModelSpec(spec)));
}

interface EntryMeasure {
  readonly keySize: number;
  readonly entrySize: number;
  readonly tensor: TensorMeasure;
}

/** A map<string, TensorProto>. */
function writeTensors(field: number, tensors: TensorMap): Uint8Array {
  const measures: EntryMeasure[] = [];
  let size = 0;
  for (const [name, tensor] of tensors) {
    const keySize = Buffer.byteLength(name);
    const measure = measureTensor(tensor, tensor.dtype !== 'string');
    const entrySize = lengthDelimitedSize(MAP_KEY, keySize) + lengthDelimitedSize(MAP_VALUE, measure.size);
    size += lengthDelimitedSize(field, entrySize);
    measures.push({ keySize, entrySize, tensor: measure });
  }
  const writer = new WireWriter(size);
  let index = 0;
  for (const [name, tensor] of tensors) {
    const { keySize, entrySize, tensor: measure } = measures[index++]!;
    writer.head(field, entrySize);
    writer.head(MAP_KEY, keySize);
    writer.text(name, keySize);
    writer.head(MAP_VALUE, measure.size);
    writeTensor(writer, tensor, measure, tensor.dtype !== 'string');
  }
  return writer.buffer;
}
