/** What is written down of a Predict reads back as it was, by us and by a protobuf library. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readPredictRequest, readPredictResponse } from '../../src/codec/tensorflow/predict-reader.ts';
import { writePredictRequest, writeRecordedResponse } from '../../src/codec/tensorflow/predict-writer.ts';
import type { TensorMap } from '../../src/core/tensor.ts';
import { decode } from '../support/proto-registry.ts';
import { anyTensor, describeTensor } from '../support/tensor-arbitrary.ts';

const LIMIT = 2 ** 20;
const name = fc.string({ unit: 'binary', maxLength: 8 });
const tensors = fc.array(fc.tuple(name, anyTensor), { maxLength: 4 }).map((entries) => new Map(entries));
const version = fc.oneof(
  fc.record({ version: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
  fc.record({ label: name }),
  fc.constant({}),
);

function describeAll(map: TensorMap): unknown {
  return [...map].map(([key, tensor]) => [key, describeTensor(tensor)]);
}

test('a recorded request reads back with its spec, inputs and filter', () => {
  return fc.assert(
    fc.property(
      name,
      name,
      version,
      tensors,
      fc.array(name, { maxLength: 3 }),
      (model, signatureName, choice, inputs, filter) => {
        const bytes = writePredictRequest({ name: model, signatureName, ...choice }, inputs, filter);
        const read = readPredictRequest(bytes, LIMIT);
        assert.deepEqual(
          { ...read.modelSpec },
          { name: model, signatureName, version: undefined, label: undefined, ...choice },
        );
        assert.deepEqual(describeAll(read.inputs), describeAll(inputs));
        assert.deepEqual(read.outputFilter, filter);
        const library = decode('tensorflow.serving.PredictRequest', bytes);
        assert.deepEqual(Object.keys(library['inputs'] as object).sort(), [...inputs.keys()].sort());
      },
    ),
  );
});

test('a recorded answer reads back with its outputs', () => {
  return fc.assert(
    fc.property(tensors, (outputs) => {
      const bytes = writeRecordedResponse({ name: 'm', version: 3n, signatureName: 's' }, outputs);
      assert.deepEqual(describeAll(readPredictResponse(bytes, LIMIT)), describeAll(outputs));
      assert.equal((decode('tensorflow.serving.PredictResponse', bytes)['modelSpec'] as { name: string }).name, 'm');
    }),
  );
});
