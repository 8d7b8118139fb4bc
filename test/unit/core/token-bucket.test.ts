import assert from 'node:assert/strict';
import { it, test } from 'node:test';
import { TokenBucket } from '../../../src/core/collections/token-bucket.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const spendAll = (bucket: TokenBucket): number => {
  let count = 0;
  while (count < 10_000 && bucket.take()) count += 1;
  return count;
};

test('allows a burst, then so many per second', () => {
  const clock = new FakeClock();
  const bucket = new TokenBucket(100, 10, clock.nowMs());
  assert.equal(spendAll(bucket), 100);
  clock.advance(99);
  bucket.fill(clock.nowMs());
  assert.equal(spendAll(bucket), 0);
  clock.advance(1000);
  bucket.fill(clock.nowMs());
  assert.equal(spendAll(bucket), 10);
});

test('time earns no more than a burst', () => {
  const clock = new FakeClock();
  const bucket = new TokenBucket(100, 10, clock.nowMs());
  spendAll(bucket);
  clock.advance(3_600_000);
  bucket.fill(clock.nowMs());
  assert.equal(spendAll(bucket), 100);
});

test('finished requests earn tokens, up to a burst', () => {
  const bucket = new TokenBucket(100);
  spendAll(bucket);
  bucket.earn(7);
  assert.equal(spendAll(bucket), 7);
  bucket.earn(1000);
  assert.equal(spendAll(bucket), 100);
});

it('retries are a tenth of the calls, after a burst of at most ten', () => {
  const bucket = new TokenBucket(10);
  let spent = spendAll(bucket);
  assert.equal(spent, 10);
  for (let i = 0; i < 105; i++) {
    bucket.earn(0.1);
    if (bucket.take()) spent += 1;
  }
  assert.equal(spent, 20);
});
