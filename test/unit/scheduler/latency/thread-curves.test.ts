import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ThreadCurves } from '../../../../src/scheduler/latency/thread-curves.ts';

describe('Latency curves by threads', () => {
  it('answer for the number in use, and guess of another that all threads are as fast', () => {
    const curves = new ThreadCurves(8, []);
    assert.equal(curves.isKnown, false);
    curves.of(1).learn(8, 12);
    assert.equal(curves.meanMs(8), 12);
    assert.equal(curves.of(2).meanMs(8), 6);
    curves.use(2);
    assert.equal(curves.meanMs(8), 6);
    curves.of(2).learn(8, 9);
    assert.ok(curves.meanMs(8) > 6);
    curves.use(1);
    assert.equal(curves.meanMs(8), 12);
  });

  it('guess as soon as there is something to guess from, also if they were asked before', () => {
    const curves = new ThreadCurves(8, []);
    assert.equal(curves.meanMsOf(2, 8), 0);
    curves.of(1).learn(8, 12);
    assert.equal(curves.meanMsOf(2, 8), 6);
  });

  it('show people those of the fewest threads that have run, whatever is in use', () => {
    const curves = new ThreadCurves(8, []);
    assert.deepEqual(curves.estimates(), []);
    curves.use(2);
    curves.of(2).learn(8, 6);
    assert.equal(curves.estimates().at(-1)!.meanMs, 6);
    curves.of(1).learn(8, 12);
    for (const threads of [1, 2]) {
      curves.use(threads);
      assert.equal(curves.estimates().at(-1)!.meanMs, 12);
    }
  });
});
