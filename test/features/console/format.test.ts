import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ratio } from '../../../src/features/console/ui/format.ts';

describe('a proportion', () => {
  it('is never 0 where there is something', () => {
    assert.equal(ratio(82.9, 0.356), '× 0.004');
    assert.equal(ratio(82.9, 0.0001), '× < 0.001');
    assert.equal(ratio(10, 0.5), '× 0.05');
    assert.equal(ratio(10, 0), '× 0');
  });

  it('has two digits behind the point from a tenth on, and is not there without a first number', () => {
    assert.deepEqual([ratio(3, 1), ratio(1, 12_345)], ['× 0.33', '× 12.3\u2009k']);
    assert.deepEqual([ratio(0, 1), ratio(undefined, 1), ratio(1, undefined)], ['–', '–', '–']);
  });
});
