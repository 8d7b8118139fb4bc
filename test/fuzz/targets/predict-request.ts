import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import {
  PredictLayouts,
  type PredictRequest,
  readPredictRequest,
} from '../../../src/codec/tensorflow/predict-reader.ts';
import { writePredictRequest } from '../../../src/codec/tensorflow/predict-writer.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { decode } from '../../support/proto-registry.ts';
import { bytesField, predictRequest, shape, varintField } from '../../support/wire-fragments.ts';
import { type FuzzTarget, orRefusal } from '../fuzz-target.ts';
import { plainTensors } from '../plain-tensors.ts';

const LIMIT = 1 << 20;
/** One for all requests, as in the service. */
const layouts = new PredictLayouts();

function plain(read: PredictRequest | ServingError): unknown {
  if (read instanceof ServingError) return read.message;
  return { ...read, inputs: plainTensors(read.inputs) };
}

export const target: FuzzTarget = {
  says: 'PredictRequests, also as layouts of earlier ones; what is read and written again is the same',
  maxBytes: 1024,
  words: ['x', 'serving_default', varintField(1, 1), bytesField(2, shape(2)), bytesField(4, Buffer.alloc(8))],
  seeds: [predictRequest(varintField(1, 1), bytesField(2, shape(2)), bytesField(4, 'abcdefgh'))],
  run(bytes) {
    const read = orRefusal(() => readPredictRequest(bytes, LIMIT));
    const known = orRefusal(() => readPredictRequest(Buffer.from(bytes), LIMIT, layouts));
    assert.deepEqual(plain(known), plain(read));
    if (read instanceof ServingError) return;
    const written = writePredictRequest(read.modelSpec, read.inputs, read.outputFilter);
    assert.deepEqual(plainTensors(readPredictRequest(written, LIMIT).inputs), plainTensors(read.inputs));
    // The other reader of protobuf takes what we have written.
    const { outputFilter } = decode('tensorflow.serving.PredictRequest', written) as unknown as {
      outputFilter: string[];
    };
    assert.deepEqual(outputFilter, read.outputFilter);
  },
};
