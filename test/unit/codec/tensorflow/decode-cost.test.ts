import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { decodeCost, EXAMPLES_WALK, INFER_WALK, PREDICT_WALK } from '../../../../src/codec/tensorflow/decode-cost.ts';
import {
  bytesField,
  fixedField,
  float32,
  predictRequest,
  shape,
  varint,
  varintField,
} from '../../../support/wire-fragments.ts';

const LIMIT = 10_000;
const MANY = 100_000;
const many = (unit: Buffer): Buffer => Buffer.alloc(MANY - (MANY % unit.length), unit);
const dtype = (number: number): Buffer => varintField(1, number);
const dims = bytesField(2, shape(10));
const cost = (message: Buffer, walk = PREDICT_WALK): number => decodeCost(message, walk, LIMIT);
const infer = (datatype: string, ...contents: Buffer[]): Buffer =>
  bytesField(5, Buffer.concat([bytesField(2, datatype), ...contents.map((each) => bytesField(5, each))]));
const predict = (...parts: Buffer[]): Buffer => predictRequest(Buffer.concat(parts));

describe('the cost of decoding', () => {
  for (const [what, message] of [
    ['a tensor_content', predict(dtype(1), dims, bytesField(4, many(float32(1))))],
    ['packed floats', predict(dtype(1), dims, bytesField(5, many(float32(1))))],
    ['a long string', predict(dtype(7), dims, bytesField(8, many(Buffer.from('a'))))],
  ] as const) {
    it(`is small for ${what}: it is a view`, () => assert.ok(cost(message) < 200, String(cost(message))));
  }

  for (const [what, message] of [
    ['floats one by one', predict(dtype(1), dims, many(fixedField(5, float32(1))))],
    ['packed varints', predict(dtype(9), dims, bytesField(10, many(varint(1))))],
    ['varints one by one', predict(dtype(9), dims, many(varintField(10, 1)))],
    ['short strings', predict(dtype(7), dims, many(bytesField(8, 'a')))],
    ['strings in a tensor_content', predict(dtype(7), dims, bytesField(4, many(varint(0))))],
    ['the same, with its dtype behind', predict(bytesField(4, many(varint(0))), dtype(7))],
    ['the same, in two parts', predictRequest(dtype(7), bytesField(4, many(varint(0))))],
    ['fields that nobody knows', many(bytesField(99, ''))],
    ['inputs', many(bytesField(2, ''))],
  ] as const) {
    it(`is large for ${what}`, () => assert.ok(cost(message) >= LIMIT));
  }

  it('counts examples, and not their bytes', () => {
    const list = (example: Buffer): Buffer => bytesField(2, bytesField(1, example));
    assert.ok(cost(list(bytesField(1, many(Buffer.from('a')))), EXAMPLES_WALK) < 200);
    assert.ok(cost(list(many(bytesField(1, 'a'))), EXAMPLES_WALK) >= LIMIT);
  });

  for (const [what, fields, isLarge] of [
    ['raw numbers', [infer('FP32'), bytesField(7, many(float32(1)))], false],
    ['packed floats', [infer('FP32', bytesField(6, many(float32(1))))], false],
    ['a long string', [infer('BYTES', bytesField(8, many(Buffer.from('a'))))], false],
    ['raw strings', [infer('BYTES'), bytesField(7, many(Buffer.alloc(4)))], true],
    ['raw strings before their input', [bytesField(7, many(Buffer.alloc(4))), infer('BYTES')], true],
    ['packed varints', [infer('INT64', bytesField(3, many(varint(1))))], true],
    ['a long datatype', [infer('B'.repeat(MANY))], true],
    ['short strings', [infer('BYTES', many(bytesField(8, 'a')))], true],
    ['a long shape', [bytesField(5, bytesField(3, many(varint(1))))], true],
    ['many parameters', [many(bytesField(4, bytesField(1, 'a')))], true],
  ] as const) {
    it(`is ${isLarge ? 'large' : 'small'} for ${what} of Open Inference`, () => {
      const found = cost(Buffer.concat(fields), INFER_WALK);
      assert.ok(isLarge ? found >= LIMIT : found < 200, String(found));
    });
  }

  it('is that of the part before a fault, which the reader will explain', () => {
    assert.ok(cost(Buffer.concat([predict(dtype(1)), varint(2 ** 31)])) < 200);
  });
});
