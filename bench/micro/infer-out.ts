/**
 * A tensor of floats as a model gives it → ModelInferResponse bytes, raw, beside a PredictResponse's and libraries'.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { create, toBinary } from '@bufbuild/protobuf';
import { NO_PARAMETERS } from '../../src/codec/open-inference/infer-request.ts';
import { inferResponse } from '../../src/codec/open-inference/infer-response-writer.ts';
import { writePredictResponse } from '../../src/codec/tensorflow/predict-writer.ts';
import { atOnce } from '../../src/core/in-slices.ts';
import { numericTensor } from '../../src/core/tensor.ts';
import { type Comparison, runSubject } from './interleave.ts';
import { decode, inferenceType, messageType } from './protobuf-libraries.ts';

const RESPONSE = 'inference.ModelInferResponse';
const ANSWER = { modelName: 'm', modelVersion: '3', id: '', parameters: NO_PARAMETERS };
const SPEC = { name: 'm', version: 3n, signatureName: 'serving_default' };
const FORM = { room: 0, isStreamed: false };

const es = messageType(RESPONSE);
const js = inferenceType('ModelInferResponse');

function comparison(count: number): Comparison {
  const floats = Float32Array.from({ length: count }, (_, i) => Math.sin(i));
  const outputs = new Map([['y', numericTensor('float32', [1, count], floats)]]);
  const bytes = Buffer.from(floats.buffer);
  const head = { name: 'y', datatype: 'FP32' };
  const answer = { modelName: 'm', modelVersion: '3', rawOutputContents: [bytes] };
  return {
    title: `${count} floats`,
    contestants: {
      Pillion: () => atOnce(inferResponse(ANSWER, outputs, FORM)),
      'Pillion, PredictResponse': () => writePredictResponse(SPEC, outputs, true),
      protobufjs: () => js.encode({ ...answer, outputs: [{ ...head, shape: [1, count] }] } as never).finish(),
      '@bufbuild/protobuf': () =>
        toBinary(es, create(es, { ...answer, outputs: [{ ...head, shape: [1n, BigInt(count)] }] } as never)),
    },
    check: (call) => {
      const found = call() as Uint8Array;
      // TensorFlow Serving's answer is another message, with the same bytes in it.
      const isPredict = !Buffer.from(found).includes('FP32');
      const raw = isPredict ? undefined : (decode(RESPONSE, found)['rawOutputContents'] as Uint8Array[])[0];
      if (raw === undefined) assert.ok(Buffer.from(found).includes(bytes));
      else assert.deepEqual(Buffer.from(raw), bytes);
    },
  };
}

await runSubject([comparison(128), comparison(150_528)]);
