import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ThreadCurves } from '../../../../src/scheduler/latency/thread-curves.ts';

describe('Latency curves by threads', () => {
  it('answer for the number in use, and guess of another that all threads are as fast', () => {
    const curves = new ThreadCurves(8, []);
    assert.equal(curves.isKnown, false);
    curves.learn(1, 8, 0, 12, false);
    assert.equal(curves.meanMs(8), 12);
    assert.equal(curves.of(2).meanMs(8), 6);
    curves.use(2);
    assert.equal(curves.meanMs(8), 6);
    curves.learn(2, 8, 0, 9, false);
    assert.ok(curves.meanMs(8) > 6);
    curves.use(1);
    assert.equal(curves.meanMs(8), 12);
  });

  it('guess as soon as there is something to guess from, also if they were asked before', () => {
    const curves = new ThreadCurves(8, []);
    assert.equal(curves.meanMsOf(2, 8), 0);
    curves.learn(1, 8, 0, 12, false);
    assert.equal(curves.meanMsOf(2, 8), 6);
  });

  it('guess anew of what has not run, when more is known of what has', () => {
    const curves = new ThreadCurves(8, []);
    curves.learn(1, 8, 0, 800, false);
    assert.equal(curves.meanMsOf(2, 8), 400);
    curves.learn(1, 8, 0, 20, false);
    assert.equal(curves.meanMsOf(2, 8), 10);
    curves.learn(2, 8, 0, 15, false);
    const known = curves.meanMsOf(2, 8);
    curves.learn(1, 8, 0, 10, false);
    assert.equal(curves.meanMsOf(2, 8), known);
  });

  it('believe the next run, where it is faster, of what is looked at again', () => {
    const curves = new ThreadCurves(8, []);
    for (let i = 0; i < 20; i++) curves.learn(1, 8, 0, 30, false);
    curves.renew(1);
    assert.equal(curves.meanMsOf(1, 8), 30);
    curves.learn(1, 8, 0, 20, false);
    assert.ok(Math.abs(curves.meanMsOf(1, 8) - 20) < 1e-9, `${curves.meanMsOf(1, 8)}`);
  });

  it('show people those of the fewest threads that have run, whatever is in use', () => {
    const curves = new ThreadCurves(8, []);
    assert.deepEqual(curves.estimates(), []);
    curves.use(2);
    curves.learn(2, 8, 0, 6, false);
    assert.equal(curves.estimates().at(-1)!.meanMs, 6);
    curves.learn(1, 8, 0, 12, false);
    for (const threads of [1, 2]) {
      curves.use(threads);
      assert.equal(curves.estimates().at(-1)!.meanMs, 12);
    }
  });
});
