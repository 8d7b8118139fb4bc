/**
 * ModelInferRequest bytes → the row of floats in a batch's memory, raw and typed, beside TensorFlow Serving's request
 * of the same row and beside libraries: as predict-in.ts.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { fromBinary } from '@bufbuild/protobuf';
import { InferLayouts, readInferRequest } from '../../src/codec/open-inference/infer-request-reader.ts';
import { readPredictRequest } from '../../src/codec/tensorflow/predict-reader.ts';
import { bytesField, predictRequest, shape, varint, varintField } from '../../test/support/wire-fragments.ts';
import { type Comparison, runSubject } from './interleave.ts';
import { inferenceType, messageType } from './protobuf-libraries.ts';

const REQUEST = 'inference.ModelInferRequest';
const MAX_TENSOR_BYTES = 2 ** 30;

/** The fields that both libraries give under the same names. */
interface Decoded {
  readonly modelName: string;
  readonly inputs: readonly { readonly contents?: { readonly fp32Contents: readonly number[] } }[];
  readonly rawInputContents: readonly Uint8Array[];
}

const es = messageType(REQUEST);
const js = inferenceType('ModelInferRequest');

function comparison(what: string, dims: readonly number[], isRaw: boolean): Comparison {
  const floats = Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => Math.sin(i));
  const bytes = Buffer.from(floats.buffer);
  const head = [
    bytesField(1, 'x'),
    bytesField(2, 'FP32'),
    bytesField(3, Buffer.concat(dims.map((dim) => varint(dim)))),
  ];
  const contents = isRaw ? [] : [bytesField(5, bytesField(6, bytes))];
  const input = bytesField(5, Buffer.concat([...head, ...contents]));
  const message = Buffer.concat([bytesField(1, 'm'), input, ...(isRaw ? [bytesField(7, bytes)] : [])]);
  const values = bytesField(isRaw ? 4 : 5, bytes);
  const predict = predictRequest(Buffer.concat([varintField(1, 1), bytesField(2, shape(...dims)), values]));
  const batch = new Float32Array(floats.length);
  const batchBytes = new Uint8Array(batch.buffer);
  const place = ({ modelName, inputs, rawInputContents }: Decoded): string => {
    if (isRaw) batchBytes.set(rawInputContents[0]!);
    else batch.set(inputs[0]!.contents!.fp32Contents);
    return modelName;
  };
  const layouts = new InferLayouts();
  const read = (known?: InferLayouts): string => {
    const { modelName, inputs } = readInferRequest(message, MAX_TENSOR_BYTES, known);
    batchBytes.set(inputs.get('x')!.data as Uint8Array);
    return modelName;
  };
  return {
    title: `${what} (${message.length} bytes)`,
    contestants: {
      Pillion: () => read(layouts),
      'Pillion, unlike any before': () => read(),
      'Pillion, PredictRequest': () => {
        const { modelSpec, inputs } = readPredictRequest(predict, MAX_TENSOR_BYTES);
        batchBytes.set(inputs.get('x')!.data as Uint8Array);
        return modelSpec.name;
      },
      protobufjs: () => place(js.decode(message) as unknown as Decoded),
      '@bufbuild/protobuf': () => place(fromBinary(es, message) as unknown as Decoded),
    },
    check: (call) => {
      batch.fill(Number.NaN);
      assert.equal(call(), 'm');
      assert.deepEqual(batch, floats);
    },
  };
}

await runSubject([
  comparison('128 floats, raw', [1, 128], true),
  comparison('128 floats, typed', [1, 128], false),
  comparison('an image, raw', [1, 224, 224, 3], true),
]);
