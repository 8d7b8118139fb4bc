/**
 * float32 → text: reads back as the same float32 (`Math.fround(Number(text))`), no text of fewer digits does, and it is
 * JSON.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_NUMBER_LENGTH, writeFloat32, writeFloat64 } from '../../src/codec/json/json-writer.ts';

const JSON_FLOAT = /^-?(0|[1-9]\d*)((\.\d+)([eE][+-]?\d+)?|[eE][+-]?\d+)$/;
const out = Buffer.alloc(MAX_NUMBER_LENGTH + 1, 0x7e);
const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

function significantDigits(text: string): number {
  return text
    .replace(/[eE].*/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '')
    .replace(/0+$/, '').length;
}

/** Digits of the shortest decimal near the value that reads back. */
function fewestDigits(value: number): number {
  for (let digits = 1; ; digits++) {
    const text = value.toExponential(digits - 1);
    if (Math.fround(Number(text)) === value) return significantDigits(text);
  }
}

function printsWell(value: number): void {
  const end = writeFloat32(out, 0, value);
  const text = out.toString('latin1', 0, end);
  assert.ok(end <= MAX_NUMBER_LENGTH && out[MAX_NUMBER_LENGTH] === 0x7e, text);
  assert.match(text, JSON_FLOAT);
  assert.ok(Object.is(Math.fround(Number(text)), value), `${value} was printed as ${text}`);
  if (value !== 0) assert.equal(significantDigits(text), fewestDigits(value), text);
}

test('every exponent, at and around the powers of two', () => {
  for (let bits = 0; bits < 0x7f800000; bits += 0x00400000) {
    for (let delta = -3; delta <= 3; delta++) {
      word[0] = Math.max(0, bits + delta);
      if (!Number.isFinite(float[0])) continue;
      printsWell(float[0]!);
      printsWell(-float[0]!);
    }
  }
});

test('every power of ten that has a float32, and its neighbours', () => {
  for (let exponent = -45; exponent <= 38; exponent++) {
    float[0] = Number(`1e${exponent}`);
    const bits = word[0]!;
    for (let delta = -20; delta <= 20; delta++) {
      word[0] = Math.max(0, bits + delta);
      printsWell(float[0]!);
    }
  }
});

test('any bit pattern', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), (bits) => {
      word[0] = bits;
      if (Number.isFinite(float[0])) printsWell(float[0]!);
    }),
    { numRuns: 30_000 },
  );
});

test('the common range, and values that were decimals', () => {
  const common = fc.double({ min: -1e7, max: 1e7, noNaN: true });
  const small = fc.tuple(common, fc.integer({ min: -20, max: 0 })).map(([value, exponent]) => value * 10 ** exponent);
  const decimal = fc
    .tuple(fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.nat({ max: 8 }))
    .map(([n, places]) => n / 10 ** places);
  fc.assert(
    fc.property(fc.oneof(common, small, decimal), (value) => printsWell(Math.fround(value))),
    { numRuns: 30_000 },
  );
});

test('any float64 reads back, with a point or an exponent', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = out.toString('latin1', 0, writeFloat64(out, 0, value));
      assert.match(text, JSON_FLOAT);
      assert.ok(Object.is(Number(text), value), text);
    }),
    { numRuns: 10_000 },
  );
});
