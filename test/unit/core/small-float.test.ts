import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BFLOAT16, FLOAT16, fromSmallFloat, toSmallFloat } from '../../../src/core/small-float.ts';

describe('float16', () => {
  const to = (value: number): number => toSmallFloat(FLOAT16, value);

  test('known patterns', () => {
    assert.equal(to(0), 0);
    assert.equal(to(-0), 0x8000);
    assert.equal(to(1), 0x3c00);
    assert.equal(to(-2), 0xc000);
    assert.equal(to(65504), 0x7bff);
    assert.equal(to(0.1), 0x2e66);
    assert.equal(to(2 ** -14), 0x0400);
    assert.equal(to(2 ** -24), 0x0001);
    assert.equal(to(Infinity), 0x7c00);
    assert.equal(to(-Infinity), 0xfc00);
    assert.ok(Number.isNaN(fromSmallFloat(FLOAT16, to(NaN))));
  });

  test('numbers from half way past the largest on are infinity', () => {
    assert.equal(to(65519.99), 0x7bff);
    assert.equal(to(65520), 0x7c00);
    assert.equal(to(-1e300), 0xfc00);
    assert.equal(to(65536), 0x7c00);
  });

  test('ties go to the even pattern, once, from the double', () => {
    assert.equal(to(1 + 2 ** -11), 0x3c00);
    assert.equal(to(1 + 3 * 2 ** -11), 0x3c02);
    // A float32 in between would make it a tie and round it down.
    assert.equal(to(1 + 2 ** -11 + 2 ** -40), 0x3c01);
    assert.equal(to(2 ** -25), 0);
    assert.equal(to(2 ** -25 + 2 ** -60), 1);
    assert.equal(to(5e-324), 0);
  });
});

for (const [name, format] of [
  ['float16', FLOAT16],
  ['bfloat16', BFLOAT16],
] as const) {
  test(`every ${name} reads back from its own value`, () => {
    for (let pattern = 0; pattern < 0x10000; pattern++) {
      const value = fromSmallFloat(format, pattern);
      if (!Number.isNaN(value)) assert.equal(toSmallFloat(format, value), pattern);
    }
  });

  test(`${name} rounds to the nearer neighbour, on both sides of every midpoint`, () => {
    for (let pattern = 0; pattern < format.infinity - 1; pattern++) {
      const low = fromSmallFloat(format, pattern);
      const middle = low + (fromSmallFloat(format, pattern + 1) - low) / 2;
      const even = pattern + (pattern & 1);
      assert.equal(toSmallFloat(format, middle), even);
      assert.equal(toSmallFloat(format, middle * (1 - 2 ** -50)), pattern);
      assert.equal(toSmallFloat(format, middle * (1 + 2 ** -50)), pattern + 1);
    }
  });
}

test('bfloat16 is the upper half of a float32', () => {
  const float = new Float32Array(1);
  const word = new Uint32Array(float.buffer);
  for (const value of [1, -3.140625, 2 ** 127, 2 ** -133, 1e38]) {
    float[0] = fromSmallFloat(BFLOAT16, toSmallFloat(BFLOAT16, value));
    assert.equal(word[0]! & 0xffff, 0);
    assert.equal(word[0]! >>> 16, toSmallFloat(BFLOAT16, value));
  }
});
