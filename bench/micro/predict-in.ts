/**
 * PredictRequest bytes → the row of floats in a batch's memory, which is where every request's row has to go. For us
 * and for tensor_content everywhere that is a copy of bytes; where a library has made an array of numbers, a copy of
 * those.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { fromBinary } from '@bufbuild/protobuf';
import { PredictLayouts, readPredictRequest } from '../../src/codec/tensorflow/predict-reader.ts';
import {
  bytesField,
  fixedField,
  float32,
  predictRequest,
  shape,
  varintField,
} from '../../test/support/wire-fragments.ts';
import { type Comparison, runSubject } from './interleave.ts';
import { messageType, predictMethod, protobufjsType, REQUEST } from './protobuf-libraries.ts';

const DT_FLOAT = 1;
const IMAGE = [1, 224, 224, 3];
const MAX_TENSOR_BYTES = 2 ** 30;

interface CamelCase {
  readonly modelSpec: { readonly name: string };
  readonly inputs: { readonly x: { readonly floatVal: readonly number[]; readonly tensorContent: Uint8Array } };
}
interface SnakeCase {
  readonly model_spec: { readonly name: string };
  /** Fields that are not in the message are not in the object. */
  readonly inputs: { readonly x: { readonly float_val?: readonly number[]; readonly tensor_content?: Uint8Array } };
}

/** The layouts that the service has, too: a client repeats its requests, but for their numbers. */
const layouts = new PredictLayouts();
const es = messageType(REQUEST);
const js = protobufjsType(REQUEST);

/** `values` are the TensorProto's fields that hold them. */
function comparison(title: string, dims: readonly number[], floats: Float32Array, values: Buffer): Comparison {
  const tensor = Buffer.concat([varintField(1, DT_FLOAT), bytesField(2, shape(...dims)), values]);
  const message = predictRequest(tensor);
  const batch = new Float32Array(floats.length);
  const batchBytes = new Uint8Array(batch.buffer);
  const place = (numbers: readonly number[] | undefined, content: Uint8Array | undefined): void => {
    if (content !== undefined && content.length > 0) batchBytes.set(content);
    else if (numbers !== undefined) batch.set(numbers);
  };
  const placeCamelCase = ({ modelSpec, inputs }: CamelCase): string => {
    place(inputs.x.floatVal, inputs.x.tensorContent);
    return modelSpec.name;
  };
  const read = (known?: PredictLayouts): string => {
    const { modelSpec, inputs } = readPredictRequest(message, MAX_TENSOR_BYTES, known);
    batchBytes.set(inputs.get('x')!.data as Uint8Array);
    return modelSpec.name;
  };
  return {
    title: `${title} (${message.length} bytes)`,
    contestants: {
      Pillion: () => read(layouts),
      'Pillion, unlike any before': () => read(),
      protobufjs: () => placeCamelCase(js.decode(message) as unknown as CamelCase),
      '@grpc/proto-loader': () => {
        const { model_spec: modelSpec, inputs } = predictMethod.requestDeserialize(message) as unknown as SnakeCase;
        place(inputs.x.float_val, inputs.x.tensor_content);
        return modelSpec.name;
      },
      '@bufbuild/protobuf': () => placeCamelCase(fromBinary(es, message) as unknown as CamelCase),
    },
    check: (call) => {
      batch.fill(Number.NaN);
      assert.equal(call(), 'm');
      assert.deepEqual(batch, floats);
    },
  };
}

const bytesOf = (floats: Float32Array): Buffer => Buffer.from(floats.buffer);
const packed = (floats: Float32Array): Buffer => bytesField(5, bytesOf(floats));
const content = (floats: Float32Array): Buffer => bytesField(4, bytesOf(floats));
const unpacked = (floats: Float32Array): Buffer => Buffer.concat(Array.from(floats, (v) => fixedField(5, float32(v))));

const row = Float32Array.from({ length: 128 }, (_, i) => Math.sin(i));
const image = Float32Array.from({ length: 224 * 224 * 3 }, (_, i) => Math.sin(i));

await runSubject([
  comparison('128 floats, float_val packed', [1, 128], row, packed(row)),
  comparison('128 floats, float_val unpacked', [1, 128], row, unpacked(row)),
  comparison('128 floats, tensor_content', [1, 128], row, content(row)),
  comparison('an image, float_val packed', IMAGE, image, packed(image)),
  comparison('an image, tensor_content', IMAGE, image, content(image)),
]);
