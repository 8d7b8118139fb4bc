import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DATA_TYPES,
  dataTypeName,
  dataTypeNameOf,
  dtypeOf,
  wrongDataType,
} from '../../../../../src/codec/tensorflow/tensor-proto/tf-dtype.ts';
import { DTYPES } from '../../../../../src/core/dtype.ts';
import { protoRegistry } from '../../../../support/proto-registry.ts';

test('each dtype has a DataType number, and back', () => {
  for (const dtype of DTYPES) assert.equal(dtypeOf(DATA_TYPES[dtype]), dtype);
});

test("names are the proto enum's, for every one of its values", () => {
  for (const { number, name } of protoRegistry.getEnum('tensorflow.DataType')!.values) {
    assert.equal(dataTypeName(number), name);
  }
  assert.equal(dataTypeNameOf('bfloat16'), 'DT_BFLOAT16');
  assert.equal(dataTypeName(77), '77');
  assert.equal(dataTypeName(100), '100');
  assert.equal(dataTypeName(999), '999');
});

test('types without a DType are unsupported; types that no message may hold are invalid', () => {
  for (const number of [8, 11, 18, 20, 21, 24, 33]) {
    assert.equal(dtypeOf(number), undefined);
    assert.equal(wrongDataType('input "x"', number).kind, 'unsupported');
  }
  for (const number of [0, 34, 99, 100, 101, 133, 134, 4294967295]) {
    assert.equal(dtypeOf(number), undefined);
    assert.equal(wrongDataType('input "x"', number).kind, 'invalid_request');
  }
  assert.match(wrongDataType('input "x"', 8).message, /^input "x" has dtype DT_COMPLEX64; send one of float32/);
});
