/** Sizes of one key are equal, whatever their symbols stand for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BATCH,
  dimSymbol,
  dividedBy,
  isSameSize,
  numberOf,
  opaque,
  plus,
  sizeOf,
  times,
} from '../../../../src/backends/graph/size.ts';

const [height, width] = [dimSymbol('2'), dimSymbol('3')];

test('the sum of two dims is another size than a product with the same operation', () => {
  const product = times(dimSymbol('1'), opaque('plus', [height, width]));
  assert.ok(!isSameSize(plus(height, width), product));
});

test('sums and products do not depend on the order of their operands', () => {
  assert.ok(isSameSize(plus(height, width), plus(width, height)));
  assert.ok(isSameSize(times(height, width), times(width, height)));
});

test('a size minus itself is 0, and divided by itself 1', () => {
  assert.equal(numberOf(plus(BATCH, times(BATCH, sizeOf(-1)))), 0);
  assert.equal(numberOf(dividedBy(times(BATCH, width), times(width, BATCH))), 1);
});

test('a product that is too large to be exact is not known', () => {
  assert.equal(times(sizeOf(2 ** 40), sizeOf(2 ** 40)), undefined);
});
