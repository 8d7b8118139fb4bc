import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, test } from 'node:test';
import type { PredictFormat } from '../../../../src/codec/json/json-inputs.ts';
import { OutputsPrinter } from '../../../../src/codec/json/json-outputs.ts';
import type { NumericDType, TypedArray } from '../../../../src/core/dtype.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { numericTensor, stringTensor, type Tensor } from '../../../../src/core/tensor.ts';

const printer = new OutputsPrinter();

function print(format: PredictFormat, outputs: Readonly<Record<string, Tensor>>): string {
  return printer.print(new Map(Object.entries(outputs)), format).toString('latin1');
}

const floats = (shape: readonly number[], ...values: number[]): Tensor =>
  numericTensor('float32', shape, Float32Array.from(values));
const strings = (shape: readonly number[], ...values: string[]): Tensor =>
  stringTensor(
    shape,
    values.map((value) => Buffer.from(value, 'latin1')),
  );

describe('row format', () => {
  test('one output is the list of its rows', () => {
    assert.equal(print('row', { y: floats([2], 2.5, 3) }), '{"predictions":[2.5,3.0]}');
    assert.equal(print('row', { y: floats([2, 2], 1, 2, 3, 4) }), '{"predictions":[[1.0,2.0],[3.0,4.0]]}');
    assert.equal(print('row', { y: floats([0, 2]) }), '{"predictions":[]}');
    assert.equal(print('row', { y: floats([2, 0]) }), '{"predictions":[[],[]]}');
    assert.equal(print('row', { y: floats([1, 2, 1], 1, 2) }), '{"predictions":[[[1.0],[2.0]]]}');
  });

  test('several outputs are a list of objects', () => {
    const outputs = { a: floats([2], 1, 2), 'b"': floats([2, 2], 1, 2, 3, 4) };
    assert.equal(print('row', outputs), '{"predictions":[{"a":1.0,"b\\"":[1.0,2.0]},{"a":2.0,"b\\"":[3.0,4.0]}]}');
    assert.equal(print('row', { a: floats([0]), b: floats([0, 3]) }), '{"predictions":[]}');
  });

  test('outputs without rows, or of different rows, are refused with the way out', () => {
    const refuses = (outputs: Readonly<Record<string, Tensor>>, message: RegExp): void => {
      assert.throws(
        () => print('row', outputs),
        (error) => error instanceof ServingError && error.kind === 'invalid_request' && message.test(error.message),
      );
    };
    refuses(
      { y: floats([], 1) },
      /^output "y" has shape \[\], a single value, so it has no row format; send "inputs" instead of "instances"$/,
    );
    refuses(
      { a: floats([2], 1, 2), b: floats([3], 1, 2, 3) },
      /^output "b" has shape \[3\], not the 2 rows of output "a", so it has no row format; send "inputs"/,
    );
    refuses({}, /no outputs/);
    assert.equal(print('columnar', { y: floats([], 1) }), '{"outputs":1.0}');
  });

  test('the only row that was sent to a model without a batch axis gets outputs without rows whole', () => {
    const printed = (rows: number, outputs: Readonly<Record<string, Tensor>>): string =>
      printer.print(new Map(Object.entries(outputs)), 'row', rows).toString();
    assert.equal(printed(1, { y: floats([], 1) }), '{"predictions":[1.0]}');
    const mixed = { a: floats([1, 2], 1, 2), b: floats([3], 1, 2, 3), c: floats([], 4) };
    assert.equal(printed(1, mixed), '{"predictions":[{"a":[[1.0,2.0]],"b":[1.0,2.0,3.0],"c":4.0}]}');
    assert.equal(printed(1, { a: floats([3], 1, 2, 3) }), '{"predictions":[1.0,2.0,3.0]}', 'as TensorFlow Serving');
    assert.throws(() => printed(2, mixed), /output "b" has shape \[3\].*send one instance a request, or "inputs"/);
    assert.equal(print('row', { y: floats([1], 1) }), '{"predictions":[1.0]}', 'and the printer is as good as new');
  });
});

test('columnar: one output is its value, several are an object', () => {
  assert.equal(print('columnar', { y: floats([], 1) }), '{"outputs":1.0}');
  assert.equal(print('columnar', { y: floats([1, 2], 1, 2) }), '{"outputs":[[1.0,2.0]]}');
  assert.equal(
    print('columnar', { a: floats([], 1), b: floats([3], 1, 2, 3) }),
    '{"outputs":{"a":1.0,"b":[1.0,2.0,3.0]}}',
  );
});

test('outputs without rows or elements keep what lists can tell', () => {
  assert.equal(print('columnar', { y: floats([0, 3]) }), '{"outputs":[]}');
  assert.equal(print('columnar', { y: floats([2, 0, 3]) }), '{"outputs":[[],[]]}');
  assert.equal(print('columnar', { a: floats([0, 3]), b: floats([0]) }), '{"outputs":{"a":[],"b":[]}}');
  assert.equal(print('row', { y: floats([2, 0, 3]) }), '{"predictions":[[],[]]}');
  assert.equal(
    print('row', { a: floats([2, 0]), b: floats([2], 1, 2) }),
    '{"predictions":[{"a":[],"b":1.0},{"a":[],"b":2.0}]}',
  );
});

test('every numeric dtype', () => {
  const table: readonly [NumericDType, TypedArray, string][] = [
    ['float32', Float32Array.of(0.1, NaN, -Infinity), '0.1,NaN,-Infinity'],
    ['float64', Float64Array.of(0.1, 1e300, 5), '0.1,1e+300,5.0'],
    ['float16', Uint16Array.of(0x3c00, 0x2e66, 0x7c00), '1.0,0.099975586,Infinity'],
    ['bfloat16', Uint16Array.of(0x3f80, 0x3e00), '1.0,0.125'],
    ['int8', Int8Array.of(-128, 127), '-128,127'],
    ['uint8', Uint8Array.of(0, 255), '0,255'],
    ['int16', Int16Array.of(-32768, 32767), '-32768,32767'],
    ['uint16', Uint16Array.of(0, 65535), '0,65535'],
    ['int32', Int32Array.of(-2147483648, 2147483647), '-2147483648,2147483647'],
    ['uint32', Uint32Array.of(0, 4294967295), '0,4294967295'],
    ['int64', BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 5n), '-9223372036854775808,9223372036854775807,5'],
    ['uint64', BigUint64Array.of(2n ** 64n - 1n, 1n), '18446744073709551615,1'],
    ['bool', Uint8Array.of(0, 1, 255), 'false,true,true'],
  ];
  for (const [dtype, array, text] of table) {
    assert.equal(print('columnar', { y: numericTensor(dtype, [array.length], array) }), `{"outputs":[${text}]}`, dtype);
  }
});

test('tensors at any alignment print the same', () => {
  const bytes = new Uint8Array(17);
  bytes.set(new Uint8Array(BigInt64Array.of(-5n, 6n).buffer), 1);
  const tensor: Tensor = { dtype: 'int64', shape: [2], data: bytes.subarray(1) };
  assert.equal(print('columnar', { y: tensor }), '{"outputs":[-5,6]}');
});

test('strings are escaped; bytes that are not UTF-8 are written as they are', () => {
  assert.equal(
    print('columnar', { y: strings([3], 'a"\\/', '\x00\n\x1f', '\xff\xc3\xa9') }),
    '{"outputs":["a\\"\\\\/","\\u0000\\u000a\\u001f","\xff\xc3\xa9"]}',
  );
});

test('outputs named …_bytes are base64 objects', () => {
  assert.equal(
    print('row', { image_bytes: strings([2], '\xff\xef', '') }),
    '{"predictions":[{"b64":"/+8="},{"b64":""}]}',
  );
  assert.equal(
    print('row', { image_bytes: strings([1], 'hi'), bytes: strings([1], 'hi') }),
    '{"predictions":[{"image_bytes":{"b64":"aGk="},"bytes":"hi"}]}',
  );
  assert.equal(print('columnar', { n_bytes: numericTensor('int32', [], Int32Array.of(5)) }), '{"outputs":5}');
});

test('a large answer is complete and does not affect the next one', () => {
  const count = 50_000;
  const values = Float32Array.from({ length: count }, (_, i) => i / 3);
  const large = printer.print(new Map([['y', numericTensor('float32', [count], values)]]), 'columnar');
  const small = print('columnar', { y: floats([1], 7) });
  const { outputs } = JSON.parse(large.toString('latin1')) as { outputs: number[] };
  assert.deepEqual(Float32Array.from(outputs), values);
  assert.equal(small, '{"outputs":[7.0]}');
  const text = 'x\n'.repeat(200_000);
  assert.equal((JSON.parse(print('columnar', { y: strings([], text) })) as { outputs: string }).outputs, text);
});
