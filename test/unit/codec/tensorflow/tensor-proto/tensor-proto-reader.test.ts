/** The basic cases; property tests cover the others. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { test } from 'node:test';
import { readPredictRequest } from '../../../../../src/codec/tensorflow/predict-reader.ts';
import { type ErrorKind, ServingError } from '../../../../../src/core/errors.ts';
import { elements, type NumericTensor, type Tensor } from '../../../../../src/core/tensor.ts';
import {
  bytesField,
  fixedField,
  float32,
  predictRequest,
  shape,
  varint,
  varintField,
} from '../../../../support/wire-fragments.ts';

const LIMIT = 1 << 20;

function read(...fields: Buffer[]): Tensor {
  return readPredictRequest(predictRequest(Buffer.concat(fields)), LIMIT).inputs.get('x')!;
}

function numbers(tensor: Tensor): (number | bigint)[] {
  return [...elements(tensor as NumericTensor)];
}

function fails(kind: ErrorKind, text: RegExp, ...fields: Buffer[]): void {
  assert.throws(
    () => read(...fields),
    (error: unknown) => error instanceof ServingError && error.kind === kind && text.test(error.message),
  );
}

const dtype = (number: number): Buffer => varintField(1, number);
const dims = (...sizes: number[]): Buffer => bytesField(2, shape(...sizes));
const floats = (...values: number[]): Buffer => bytesField(5, Buffer.concat(values.map(float32)));
const ints = (...values: number[]): Buffer => bytesField(7, Buffer.concat(values.map((value) => varint(value))));

test('packed floats and tensor_content are views of the message', () => {
  const message = predictRequest(Buffer.concat([dtype(1), dims(2), floats(1, 2)]));
  const { data } = readPredictRequest(message, LIMIT).inputs.get('x') as NumericTensor;
  assert.equal(data.buffer, message.buffer);
  const content = predictRequest(Buffer.concat([dtype(1), dims(2), bytesField(4, Buffer.alloc(8))]));
  assert.equal((readPredictRequest(content, LIMIT).inputs.get('x') as NumericTensor).data.buffer, content.buffer);
});

test('fewer values repeat the last, none are zeros, surplus ones are dropped', () => {
  assert.deepEqual(numbers(read(dtype(1), dims(5), floats(1, 2))), [1, 2, 2, 2, 2]);
  assert.deepEqual(numbers(read(dtype(1), dims(2))), [0, 0]);
  assert.deepEqual(numbers(read(dtype(1), dims(1), floats(1, 2))), [1]);
  assert.deepEqual(numbers(read(dtype(3), dims(3), ints(7))), [7, 7, 7]);
  assert.deepEqual(numbers(read(dtype(3), dims(1), ints(7, 8))), [7]);
  assert.deepEqual(read(dtype(7), dims(3), bytesField(8, 'a')).data, Array(3).fill(new Uint8Array(Buffer.from('a'))));
  assert.deepEqual(numbers(read(dtype(1), dims(0), floats(1))), []);
});

test("values in another dtype's field are ignored", () => {
  assert.deepEqual(numbers(read(dtype(1), dims(2), ints(1, 2))), [0, 0]);
});

test('no shape and an unknown rank are a scalar', () => {
  assert.deepEqual(read(dtype(1), floats(4)).shape, []);
  const unknown = read(dtype(1), bytesField(2, Buffer.concat([shape(2), varintField(3, 1)])), floats(4));
  assert.deepEqual([unknown.shape, numbers(unknown)], [[], [4]]);
});

test('integers wrap into their type, 16-bit floats keep their pattern', () => {
  assert.deepEqual(numbers(read(dtype(4), dims(2), ints(300, -1))), [44, 255]);
  assert.deepEqual(numbers(read(dtype(6), dims(2), ints(200, -1))), [-56, -1]);
  assert.deepEqual(numbers(read(dtype(17), dims(1), ints(65537))), [1]);
  assert.deepEqual(numbers(read(dtype(19), dims(1), bytesField(13, varint(0x3c00)))), [0x3c00]);
  assert.deepEqual(
    numbers(read(dtype(10), dims(3), bytesField(11, Buffer.concat([varint(2), varint(0), varint(2n ** 40n)])))),
    [1, 0, 1],
  );
});

test('unpacked, packed and split values join in order', () => {
  const parts = [
    Buffer.concat([floats(1, 2), fixedField(5, float32(3))]),
    Buffer.concat([dtype(1), dims(2)]),
    Buffer.concat([fixedField(5, float32(4)), dims(2), floats()]),
  ];
  const tensor = readPredictRequest(predictRequest(...parts), LIMIT).inputs.get('x')!;
  assert.deepEqual(
    [tensor.shape, numbers(tensor)],
    [
      [2, 2],
      [1, 2, 3, 4],
    ],
  );
});

test('a string tensor_content is all lengths, then all bytes', () => {
  const content = Buffer.concat([varint(1), varint(0), varint(2), Buffer.from('abc')]);
  const { data } = read(dtype(7), dims(3), bytesField(4, content));
  assert.deepEqual(
    (data as Uint8Array[]).map((element) => Buffer.from(element).toString()),
    ['a', '', 'bc'],
  );
  fails(
    'invalid_request',
    /lengths add up to 3/,
    dtype(7),
    dims(3),
    bytesField(4, Buffer.concat([content, Buffer.from('d')])),
  );
  fails('invalid_request', /cut off/, dtype(7), dims(9), bytesField(4, varint(1)));
});

test('an impossible tensor is refused with a reason', () => {
  fails('invalid_request', /no dtype/, dims(1));
  fails('invalid_request', /DT_FLOAT_REF/, dtype(101));
  fails('invalid_request', /dtype 77/, dtype(77));
  fails('unsupported', /DT_COMPLEX64/, dtype(8));
  fails('unsupported', /DT_QINT8/, dtype(11));
  fails('invalid_request', /\[-1,2\]/, dtype(1), dims(-1, 2));
  fails('invalid_request', /3 bytes of tensor_content.*float32 \[1\] takes 4/, dtype(1), dims(1), bytesField(4, 'abc'));
  fails('invalid_request', /4-byte elements is 5 bytes/, dtype(1), dims(1), bytesField(5, 'abcde'));
  fails('invalid_request', /more than 254 dims/, dtype(1), dims(...new Array<number>(255).fill(1)));
});

test('elements that were not sent are filled in up to a limit of their own', () => {
  const readLarge = (...fields: Buffer[]): Tensor =>
    readPredictRequest(predictRequest(Buffer.concat(fields)), 64 * 2 ** 20).inputs.get('x')!;
  const before = process.memoryUsage().arrayBuffers;
  for (const [type, value] of [
    [1, floats(1)],
    [1, Buffer.alloc(0)],
    [3, ints(7)],
  ] as const) {
    assert.throws(
      () => readLarge(dtype(type), dims(15_728_640), value),
      (error: unknown) =>
        error instanceof ServingError &&
        error.kind === 'too_large' &&
        /has 629\d{5} bytes more than were sent, .* 16777216 filled in; send every element/.test(error.message),
    );
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20, 'nothing was allocated');
  assert.equal(numbers(readLarge(dtype(1), dims(2 ** 22), floats(3))).at(-1), 3);
  assert.equal(readLarge(dtype(1), dims(6_000_000), bytesField(5, Buffer.alloc(12_000_000, 5))).data.length, 24e6);
  assert.equal(readLarge(dtype(9), dims(4_000_000), bytesField(10, Buffer.alloc(4_000_000, 5))).data.length, 32e6);
});

test('a long string is not repeated past the limit: every copy of it is charged', () => {
  const readLarge = (count: number): Tensor => {
    const tensor = Buffer.concat([dtype(7), dims(count), bytesField(8, 'x'.repeat(100_000))]);
    return readPredictRequest(predictRequest(tensor), 64 * 2 ** 20).inputs.get('x')!;
  };
  assert.equal(readLarge(160).data.length, 160);
  assert.throws(() => readLarge(1000), { kind: 'too_large', message: /has 99900000 bytes more than were sent/ });
});

test('the memory that a few bytes may ask for is limited, for all inputs together', () => {
  fails('too_large', /takes 4000000000000 bytes/, dtype(1), dims(1e12));
  fails('too_large', /less than 2\^53/, dtype(1), dims(0, 2 ** 60));
  fails('too_large', /takes 256000000 bytes/, dtype(7), dims(1e6));
  const half = bytesField(2, Buffer.concat([dtype(1), dims(LIMIT / 8 + 1)]));
  const entry = (name: string): Buffer => bytesField(2, Buffer.concat([bytesField(1, name), half]));
  const spec = bytesField(1, bytesField(1, 'm'));
  assert.equal(readPredictRequest(Buffer.concat([spec, entry('a')]), LIMIT).inputs.size, 1);
  assert.throws(
    () => readPredictRequest(Buffer.concat([spec, entry('a'), entry('b')]), LIMIT),
    /input "b".*take 1048576 together/,
  );
});

test('the last of two equal names counts; an entry without a key has the empty name', () => {
  const entry = (value: number): Buffer =>
    bytesField(2, Buffer.concat([bytesField(2, Buffer.concat([dtype(1), floats(value)])), bytesField(1, 'x')]));
  const spec = bytesField(1, '');
  const { inputs } = readPredictRequest(Buffer.concat([spec, entry(1), entry(2)]), LIMIT);
  assert.deepEqual([[...inputs.keys()], numbers(inputs.get('x')!)], [['x'], [2]]);
  const unnamed = readPredictRequest(Buffer.concat([spec, bytesField(2, bytesField(2, dtype(1)))]), LIMIT);
  assert.deepEqual([...unnamed.inputs.keys()], ['']);
  assert.throws(
    () => readPredictRequest(Buffer.concat([spec, bytesField(2, bytesField(1, 'x'))]), LIMIT),
    /input "x" has no dtype/,
  );
});
