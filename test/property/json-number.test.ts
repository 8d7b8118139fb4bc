/**
 * Number text → double, held against `Number(text)`: the reader makes no strings, and must still be exact to the last
 * bit.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { NumberReader } from '../../src/codec/json/json-number.ts';

const reader = new NumberReader();
const out = new Float64Array(1);

function readsExactly(text: string): void {
  const end = reader.read(Buffer.from(`[${text},`), 1, out, 0);
  const expected = Number(text);
  if (!Number.isFinite(expected)) {
    assert.equal(end, -1, text);
    return;
  }
  assert.equal(end, 1 + text.length, text);
  assert.ok(Object.is(out[0], expected), `${text} was read as ${out[0]}`);
  assert.equal(reader.isInteger, /^-?\d+$/.test(text), text);
  if (reader.isInteger && reader.isShort) assert.equal(BigInt(out[0]!), BigInt(text));
}

const digits = (maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength }).map((list) => list.join(''));

const whole = fc.oneof(
  fc.constant('0'),
  digits(40).map((text) => text.replace(/^0+(?=.)/, '')),
);
const fraction = fc.oneof(
  fc.constant(''),
  digits(40).map((text) => `.${text}`),
  fc.tuple(fc.nat({ max: 25 }), digits(20)).map(([zeros, text]) => `.${'0'.repeat(zeros)}${text}`),
);
const exponent = fc.oneof(
  fc.constant(''),
  fc
    .tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), fc.integer({ min: 0, max: 330 }))
    .map(([e, sign, value]) => `${e}${sign}${value}`),
);
const numberText = fc.tuple(fc.constantFrom('', '-'), whole, fraction, exponent).map((parts) => parts.join(''));

test('any number text', () => {
  fc.assert(fc.property(numberText, readsExactly), { numRuns: 20_000 });
});

test('doubles and float32 as clients print them', () => {
  const doubles = fc.double({ noNaN: true, noDefaultInfinity: true });
  const floats = fc.float({ noNaN: true, noDefaultInfinity: true });
  const texts = fc.oneof(
    doubles.map(String),
    floats.map(String),
    fc.tuple(floats, fc.integer({ min: 1, max: 21 })).map(([value, precision]) => value.toPrecision(precision)),
    fc
      .tuple(fc.double({ min: -1e7, max: 1e7, noNaN: true }), fc.nat({ max: 20 }))
      .map(([value, places]) => value.toFixed(places)),
  );
  fc.assert(fc.property(texts, readsExactly), { numRuns: 20_000 });
});

test('texts next to the middle between two doubles, where one bit decides', () => {
  const word = new BigUint64Array(1);
  const value = new Float64Array(word.buffer);
  const near = fc
    .tuple(fc.double({ min: 1e-4, max: 1e6, noNaN: true }), fc.integer({ min: 16, max: 60 }))
    .map(([start, length]) => {
      value[0] = start;
      // The middle is 2m + 1 in units of half the last place, written out: (2m + 1) × 5^k / 10^k.
      const mantissa = (word[0]! & (2n ** 52n - 1n)) | (2n ** 52n);
      const k = 1076 - Number(word[0]! >> 52n);
      const middle = (2n * mantissa + 1n) * 5n ** BigInt(Math.max(k, 0)) * 2n ** BigInt(Math.max(-k, 0));
      const text = middle.toString().padStart(k + 1, '0');
      return k <= 0 ? text : `${text.slice(0, -k)}.${text.slice(-k)}`.slice(0, length).replace(/\.$/, '');
    });
  fc.assert(fc.property(near, readsExactly), { numRuns: 20_000 });
});

test('what is no number is refused', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'0123456789.-+eENaIinfty "'), minLength: 1, maxLength: 8 }),
      (text) => {
        const token = /^[^ "]*/.exec(text)![0];
        const isNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(token) && Number.isFinite(Number(token));
        const end = reader.read(Buffer.from(`${text} `), 0, out, 0);
        // A number's prefix may be one too ("1-2", "1N"): the caller finds no comma after it.
        if (isNumber) assert.equal(end, token.length);
        else assert.ok(end < token.length || token === '', `${token} was read to ${end}`);
      },
    ),
    { numRuns: 5000 },
  );
});
