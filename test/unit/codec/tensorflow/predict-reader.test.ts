import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { PredictLayouts, readPredictRequest } from '../../../../src/codec/tensorflow/predict-reader.ts';
import type { NumericTensor } from '../../../../src/core/tensor.ts';
import { bytesField, float32, predictRequest, shape, varintField } from '../../../support/wire-fragments.ts';

const LIMIT = 1 << 20;
const DT_FLOAT = 1;
const DT_STRING = 7;
/** So many requests of no known layout come between two that are learned from. */
const NOT_LEARNED = 7;

function floats(...values: number[]): Buffer {
  const elements = bytesField(5, Buffer.concat(values.map(float32)));
  return predictRequest(Buffer.concat([varintField(1, DT_FLOAT), bytesField(2, shape(values.length)), elements]));
}

function learn(layouts: PredictLayouts, message: Buffer): void {
  readPredictRequest(message, LIMIT, layouts);
}

test('a request of a known layout is read by views of its own elements', () => {
  const layouts = new PredictLayouts();
  assert.equal(layouts.read(floats(1, 2)), undefined);
  learn(layouts, floats(1, 2));
  const message = floats(3, 4);
  const { data } = layouts.read(message)!.inputs.get('x') as NumericTensor;
  assert.equal(data.buffer, message.buffer);
  assert.equal(Buffer.from(data).toString('hex'), Buffer.concat([float32(3), float32(4)]).toString('hex'));
  assert.equal(layouts.read(floats(1, 2, 3)), undefined);
});

test('the latest four layouts are known, of one in eight requests that have none', () => {
  const layouts = new PredictLayouts();
  const kinds = [1, 2, 3, 4, 5].map((count) => floats(...new Array<number>(count).fill(0)));
  for (const kind of kinds) {
    learn(layouts, kind);
    for (let i = 0; i < NOT_LEARNED; i++) learn(layouts, floats(...new Array<number>(100 + i).fill(0)));
  }
  assert.deepEqual(
    kinds.map((kind) => layouts.read(kind) !== undefined),
    [false, true, true, true, true],
  );
  assert.equal(layouts.read(floats(...new Array<number>(100).fill(0))), undefined);
});

test('strings have no layout', () => {
  const layouts = new PredictLayouts();
  const strings = Buffer.concat([varintField(1, DT_STRING), bytesField(2, shape(1)), bytesField(8, 'abc')]);
  learn(layouts, predictRequest(strings));
  assert.equal(layouts.read(predictRequest(strings)), undefined);
});
