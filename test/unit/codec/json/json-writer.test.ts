import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, test } from 'node:test';
import {
  MAX_NUMBER_LENGTH,
  writeFloat32,
  writeFloat64,
  writeInteger,
  writeLong,
} from '../../../../src/codec/json/json-writer.ts';

const out = Buffer.alloc(MAX_NUMBER_LENGTH + 8);

function text(write: (out: Buffer, at: number, value: number) => number, value: number): string {
  const end = write(out, 3, value);
  assert.ok(end - 3 <= MAX_NUMBER_LENGTH);
  return out.toString('latin1', 3, end);
}

describe('float32', () => {
  const float = (value: number): string => text(writeFloat32, Math.fround(value));

  test('is the shortest text that reads back', () => {
    const table: readonly [number, string][] = [
      [0.2, '0.2'],
      [1 / 3, '0.33333334'],
      [42, '42.0'],
      [-42, '-42.0'],
      [999999, '999999.0'],
      [9999999, '9999999.0'],
      [1e7, '1e+7'],
      [16777216, '1.6777216e+7'],
      [0.00001, '1e-5'],
      [0.000011, '0.000011'],
      [1.5e-7, '1.5e-7'],
      [1e-13, '1e-13'],
      [1e-14, '1e-14'],
      [8388607.5, '8388607.5'],
      [3.4028234663852886e38, '3.4028235e+38'],
      [1.401298464324817e-45, '1e-45'],
      [1.1754943508222875e-38, '1.1754944e-38'],
    ];
    for (const [value, expected] of table) assert.equal(float(value), expected);
  });

  test('always has a point or an exponent; zero keeps its sign; NaN and infinities are bare words', () => {
    assert.deepEqual([0, -0, 1, NaN, Infinity, -Infinity].map(float), [
      '0.0',
      '-0.0',
      '1.0',
      'NaN',
      'Infinity',
      '-Infinity',
    ]);
  });
});

test('float64 is what JavaScript prints, with a point or an exponent', () => {
  const table: readonly [number, string][] = [
    [0.1, '0.1'],
    [0.30000000000000004, '0.30000000000000004'],
    [1e22, '1e+22'],
    [1e20, '100000000000000000000.0'],
    [123456789012, '123456789012.0'],
    [-5e-324, '-5e-324'],
    [-2.2250738585072014e-308, '-2.2250738585072014e-308'],
    [0, '0.0'],
    [-0, '-0.0'],
    [-3, '-3.0'],
    [NaN, 'NaN'],
    [-Infinity, '-Infinity'],
  ];
  for (const [value, expected] of table) assert.equal(text(writeFloat64, value), expected);
});

test('integers are exact', () => {
  for (const value of [0, 7, 10, -1, 2147483647, -2147483648, 4294967295, 2 ** 53 - 1, -(2 ** 53 - 1)]) {
    assert.equal(text(writeInteger, value), String(value));
  }
});

test('64-bit integers are exact to their ends', () => {
  const signed = [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, -(2n ** 53n) - 1n, 4294967296n, -4294967297n];
  for (const value of signed) {
    const words = new Int32Array(BigInt64Array.of(value).buffer);
    const end = writeLong(out, 0, words[0]! >>> 0, words[1]!);
    assert.equal(out.toString('latin1', 0, end), String(value));
  }
  const words = new Uint32Array(BigUint64Array.of(2n ** 64n - 1n).buffer);
  assert.equal(out.toString('latin1', 0, writeLong(out, 0, words[0]!, words[1]!)), '18446744073709551615');
});
