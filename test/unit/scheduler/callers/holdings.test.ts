import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CallerUse } from '../../../../src/scheduler/callers/caller-table.ts';
import { type Holding, Holdings } from '../../../../src/scheduler/callers/holdings.ts';

const MAX = 10;

function setUp(): { holdings: Holdings; a: Holding; b: Holding; c: Holding } {
  const holdings = new Holdings();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => holdings.of(new CallerUse(name, 0)));
  return { holdings, a: a!, b: b!, c: c! };
}

describe('Holdings', () => {
  it('counts rows and bytes, and the callers that hold any', () => {
    const { holdings, a, b } = setUp();
    holdings.add(a, 5, 50);
    holdings.add(a, 2, 20);
    assert.deepEqual([a.rows, a.bytes, a.use.waitingRows], [7, 70, 7]);
    assert.deepEqual([holdings.callersWith(a), holdings.callersWith(b)], [1, 2]);
    holdings.remove(a, 5, 50);
    holdings.remove(a, 2, 20);
    assert.deepEqual([a.rows, a.bytes, a.use.waitingRows, holdings.callersWith(b)], [0, 0, 0, 1]);
  });

  it('has one holding for each caller', () => {
    const { holdings, a, b } = setUp();
    assert.equal(holdings.of(a.use), a);
    assert.equal(holdings.of(b.use), b);
    assert.equal(holdings.of(a.use), a);
  });

  it('finds a caller sparse beside a crowd only', () => {
    const { holdings, a, b } = setUp();
    holdings.add(a, 2 * MAX - 1, 0);
    assert.equal(holdings.isSparse(b, 1, MAX), false, 'no crowd yet');
    holdings.add(a, 1, 0);
    assert.equal(holdings.isSparse(b, MAX, MAX), true, 'one batch');
    assert.equal(holdings.isSparse(b, MAX + 1, MAX), false, 'more than a batch');
    assert.equal(holdings.isSparse(a, 1, MAX), false, 'the crowd itself');
    holdings.add(a, 1020, 0);
    assert.equal(holdings.isSparse(b, 130, MAX), true, 'an eighth of the crowd');
    assert.equal(holdings.isSparse(b, 131, MAX), false);
  });

  it('finds the next crowd when the first one is gone', () => {
    const { holdings, a, b, c } = setUp();
    holdings.add(a, 1000, 0);
    holdings.add(b, 500, 0);
    holdings.remove(a, 1000, 0);
    assert.equal(holdings.isSparse(c, 1, MAX), true);
    holdings.remove(b, 500, 0);
    assert.equal(holdings.isSparse(c, 1, MAX), false);
  });
});
