/**
 * A tensor of any dtype in every form that protobuf has for it (packed, one by one, both in turn, in several parts of
 * the submessage, tensor_content) is read bit by bit. Written by hand here: a library keeps neither a NaN's bits nor the
 * form.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { readPredictRequest } from '../../src/codec/tensorflow/predict-reader.ts';
import { DATA_TYPES } from '../../src/codec/tensorflow/tensor-proto/tf-dtype.ts';
import { bytesPerElement, type DType } from '../../src/core/dtype.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { anyTensor, describeTensor } from '../support/tensor-arbitrary.ts';
import { bytesField, fixedField, predictRequest, shape, tag, varint, varintField } from '../support/wire-fragments.ts';

/** Of the *_val field that TensorFlow has for the dtype. */
const VALUE_FIELD: Readonly<Record<DType, number>> = {
  float32: 5,
  float64: 6,
  int32: 7,
  uint8: 7,
  int16: 7,
  int8: 7,
  uint16: 7,
  string: 8,
  int64: 10,
  bool: 11,
  float16: 13,
  bfloat16: 13,
  uint32: 16,
  uint64: 17,
};
const SIGNED: ReadonlySet<DType> = new Set(['int8', 'int16', 'int32', 'int64']);

/** How some elements go onto the wire: how many, packed or one by one, and whether a new part begins with them. */
interface Run {
  readonly length: number;
  readonly isPacked: boolean;
  readonly startsPart: boolean;
}

const runs: fc.Arbitrary<Run[]> = fc.array(
  fc.record({ length: fc.integer({ min: 1, max: 5 }), isPacked: fc.boolean(), startsPart: fc.boolean() }),
  { minLength: 1, maxLength: 8 },
);

function wireElements(tensor: Tensor): readonly Uint8Array[] {
  const { dtype } = tensor;
  if (dtype === 'string') return tensor.data;
  const size = bytesPerElement(dtype);
  const elements: Uint8Array[] = [];
  for (let at = 0; at < tensor.data.length; at += size) {
    const bytes = tensor.data.slice(at, at + size);
    elements.push(dtype === 'float32' || dtype === 'float64' ? bytes : varint(integer(bytes, SIGNED.has(dtype))));
  }
  return elements;
}

function integer(bytes: Uint8Array, isSigned: boolean): bigint {
  const value = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return isSigned ? BigInt.asIntN(8 * bytes.length, value) : value;
}

function headerOf({ dtype, shape: dims }: Tensor): Buffer {
  return Buffer.concat([varintField(1, DATA_TYPES[dtype]), bytesField(2, shape(...dims))]);
}

/** The TensorProto's parts, header in the first; the last form of `list` stands for all that follow. */
function inForms(tensor: Tensor, list: readonly Run[]): Buffer[] {
  const { dtype } = tensor;
  const field = VALUE_FIELD[dtype];
  const elements = wireElements(tensor);
  const parts = [[headerOf(tensor)]];
  for (let at = 0, i = 0; at < elements.length; i++) {
    const { length, isPacked, startsPart } = list[Math.min(i, list.length - 1)]!;
    const some = elements.slice(at, at + length);
    at += some.length;
    if (startsPart) parts.push([]);
    const fields = parts[parts.length - 1]!;
    if (dtype === 'string') fields.push(...some.map((element) => bytesField(field, element)));
    else if (isPacked) fields.push(bytesField(field, Buffer.concat(some)));
    else if (dtype === 'float32' || dtype === 'float64') fields.push(...some.map((e) => fixedField(field, e)));
    else fields.push(...some.map((element) => Buffer.concat([tag(field, 0), element])));
  }
  return parts.map((fields) => Buffer.concat(fields));
}

function readX(message: Uint8Array): Tensor {
  return readPredictRequest(message, 1 << 20).inputs.get('x')!;
}

test('packed, one by one, both in turn, in any number of parts', () => {
  fc.assert(
    fc.property(anyTensor, runs, (tensor, list) => {
      assert.deepEqual(describeTensor(readX(predictRequest(...inForms(tensor, list)))), describeTensor(tensor));
    }),
    { numRuns: 3000 },
  );
});

test('tensor_content, strings in it as lengths and then bytes, whatever stands in typed fields', () => {
  fc.assert(
    fc.property(anyTensor, fc.boolean(), runs, (tensor, hasTyped, list) => {
      const content =
        tensor.dtype === 'string'
          ? Buffer.concat([...tensor.data.map(({ length }) => varint(length)), ...tensor.data])
          : tensor.data;
      fc.pre(content.length > 0);
      const parts = hasTyped ? inForms(tensor, list) : [headerOf(tensor)];
      const message = predictRequest(...parts, bytesField(4, content));
      assert.deepEqual(describeTensor(readX(message)), describeTensor(tensor));
    }),
    { numRuns: 2000 },
  );
});
