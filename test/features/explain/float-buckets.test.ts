import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLOAT_BUCKETS, floatBucketOf, middleOf } from '../../../src/features/explain/float-buckets.ts';

test('a duration is in an ascending bucket whose middle is near', () => {
  let before = 0;
  for (let ms = 2 ** -7; ms < 2 ** 20; ms *= 1.01) {
    const bucket = floatBucketOf(ms);
    assert.ok(bucket === before || bucket === before + 1, `${ms} ms is in bucket ${bucket} after ${before}`);
    assert.ok(Math.abs(middleOf(bucket) / ms - 1) < 0.063, `${ms} ms is not near ${middleOf(bucket)}`);
    before = bucket;
  }
  assert.equal(before, FLOAT_BUCKETS - 1);
});

test('what is beyond the buckets is in the first or the last', () => {
  for (const ms of [0, 1e-9, 0.004]) assert.equal(floatBucketOf(ms), 0);
  for (const ms of [2 ** 20, 1e300, Infinity]) assert.equal(floatBucketOf(ms), FLOAT_BUCKETS - 1);
});
