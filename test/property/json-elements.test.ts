/** Elements that are no plain numbers of a list: strings, rows that are objects, integers of every dtype. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesPerElement, type DType, typedArrayOf } from '../../src/core/dtype.ts';
import { ServingError } from '../../src/core/errors.ts';
import { readBody, readX } from '../support/json-bodies.ts';
import { anyText, respelled } from '../support/json-spelling.ts';

/** As readBody takes text and gives strings: each byte a character. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}

const spelling = fc.infiniteStream(fc.boolean());
const text = anyText(10);

test('strings are the UTF-8 of what JSON.parse reads, however they are spelled', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(text, spelling), { minLength: 1, maxLength: 5 }), (list) => {
      const body = `[${list.map(([each, escapes]) => respelled(each, escapes)).join(',')}]`;
      const strings = JSON.parse(body) as string[];
      for (const key of ['instances', 'inputs']) {
        const { values } = readX(bytesOf(`{"${key}":${body}}`), 'string');
        assert.deepEqual(values, strings.map(bytesOf));
      }
    }),
    { numRuns: 3000 },
  );
});

test('base64 is the bytes that Buffer reads', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 12 }), { minLength: 1, maxLength: 4 }), (list) => {
      const rows = list.map((bytes) => ({ b64: Buffer.from(bytes).toString('base64') }));
      const { values } = readX(JSON.stringify({ instances: rows }), 'string');
      assert.deepEqual(
        values,
        list.map((bytes) => Buffer.from(bytes).toString('latin1')),
      );
    }),
    { numRuns: 1000 },
  );
});

const KEYS = ['number', 'text', 'flags'] as const;

test('rows that are objects are what JSON.parse reads, in any order of their keys', () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  const row = fc.record({ number, text, flags: fc.tuple(fc.boolean(), fc.boolean()) });
  const order = fc.shuffledSubarray([...KEYS], { minLength: KEYS.length });
  const gap = fc.constantFrom('', ' ', '\n\t');
  fc.assert(
    fc.property(fc.array(fc.tuple(row, order), { minLength: 1, maxLength: 5 }), gap, (list, space) => {
      const object = (each: Record<string, unknown>, keys: readonly string[]): string =>
        `{${keys.map((key) => `"${key}":${space}${JSON.stringify(each[key])}`).join(`,${space}`)}}`;
      const body = `{"instances":[${list.map(([each, keys]) => object(each, keys)).join(',')}]}`;
      const rows = (JSON.parse(body) as { instances: { number: number; text: string; flags: boolean[] }[] }).instances;
      assert.deepEqual(readBody(bytesOf(body), { number: 'float64', text: 'string', flags: 'bool' }), {
        number: { shape: [rows.length], values: rows.map((each) => each.number) },
        text: { shape: [rows.length], values: rows.map((each) => bytesOf(each.text)) },
        flags: { shape: [rows.length, 2], values: rows.flatMap((each) => each.flags.map(Number)) },
      });
    }),
    { numRuns: 2000 },
  );
});

/** What is taken; narrower dtypes than their range wrap, as TensorFlow's do. */
const RANGES: Readonly<Partial<Record<DType, readonly [bigint, bigint]>>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int16: [-(2n ** 31n), 2n ** 31n - 1n],
  int8: [-(2n ** 31n), 2n ** 31n - 1n],
  uint16: [-(2n ** 31n), 2n ** 31n - 1n],
  uint8: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

test('integers are exact in their range and refused outside, in lists and in objects', () => {
  const limits = Object.values(RANGES).flat();
  const near = fc.tuple(fc.constantFrom(...limits), fc.bigInt({ min: -2n, max: 2n })).map(([a, b]) => a + b);
  const integer = fc.oneof(
    near,
    fc.bigInt({ min: -300n, max: 300n }),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  );
  const dtypes = fc.constantFrom(...(Object.keys(RANGES) as (keyof typeof RANGES & Exclude<DType, 'string'>)[]));
  fc.assert(
    fc.property(dtypes, integer, (dtype, value) => {
      const [least, most] = RANGES[dtype]!;
      for (const body of [`{"inputs":[0,${value}]}`, `{"instances":[{"x":0},{"x":${value}}]}`]) {
        if (value < least || value > most) {
          assert.throws(() => readX(body, dtype), ServingError, body);
          continue;
        }
        const bytes = new BigInt64Array([0n, BigInt.asIntN(64, value)]).buffer;
        const expected = new (typedArrayOf(dtype))(bytes, 8, 8 / bytesPerElement(dtype))[0];
        assert.deepEqual(readX(body, dtype).values.map(String), ['0', String(expected)]);
      }
    }),
    { numRuns: 5000 },
  );
});
