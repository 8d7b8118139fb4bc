import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LatencyModel } from '../../../../src/scheduler/latency/latency-model.ts';
import { LengthCurves } from '../../../../src/scheduler/latency/length-curves.ts';

function learned(curves: LengthCurves, rows: number, length: number, runMs: number): void {
  for (let i = 0; i < 30; i++) curves.learn(1, rows, length, runMs, false);
}

describe('LengthCurves', () => {
  it('know runs by rows × length', () => {
    const curves = new LengthCurves(64, []);
    assert.equal(curves.isKnown, false);
    learned(curves, 4, 16, 10);
    assert.equal(Math.round(curves.meanMs(4, 16)), 10);
    assert.equal(Math.round(curves.meanMs(1, 64)), 10);
    assert.ok(curves.meanMs(4, 256) > 20 && curves.meanMs(1, 8) < 10);
    assert.ok(curves.highMs(4, 16) > curves.meanMs(4, 16));
  });

  it('give rows that nothing is said of the length of the last batches', () => {
    const curves = new LengthCurves(64, []);
    assert.equal(curves.usualLength, 1);
    curves.learn(1, 2, 32, 5, false);
    assert.equal(curves.usualLength, 32);
    assert.equal(curves.meanMs(2), curves.meanMs(2, 32));
    assert.equal(curves.highMs(2), curves.highMs(2, 32));
    for (let i = 0; i < 100; i++) curves.learn(1, 2, 8, 2, false);
    assert.equal(curves.usualLength, 8);
    assert.equal(curves.meanMs(2, 0), curves.meanMs(2));
  });

  it('weigh the length of a run with its rows, and say how many rows runs have', () => {
    const curves = new LengthCurves(64, []);
    assert.equal(curves.usualRows(64), 64);
    for (let i = 0; i < 200; i++) curves.learn(1, i % 2 === 0 ? 9 : 1, i % 2 === 0 ? 8 : 88, 5, false);
    assert.ok(Math.abs(curves.usualLength - 16) <= 2, `${curves.usualLength}`);
    assert.ok(Math.abs(curves.usualRows(64) - 5) <= 1, `${curves.usualRows(64)}`);
    assert.equal(curves.usualRows(2), 2);
  });

  it('learn nothing of rows without an element', () => {
    const curves = new LengthCurves(64, []);
    curves.learn(1, 2, 0, 5, false);
    assert.equal(curves.isKnown, false);
  });

  it('say how many rows of a length fit into a time', () => {
    const curves = new LengthCurves(64, []);
    for (let i = 0; i < 30; i++) for (const rows of [1, 2, 4, 8, 16, 32, 64]) curves.learn(1, rows, 16, rows, false);
    const rows = curves.rowsWithin(10, 64, 16);
    assert.ok(rows >= 7 && rows <= 10, `${rows}`);
    assert.ok(curves.highMs(rows, 16) <= 10);
    const longer = curves.rowsWithin(10, 64, 64);
    assert.ok(longer >= 1 && longer <= rows / 3, `${longer}`);
    assert.equal(curves.rowsWithin(1000, 64, 16), 64);
    assert.equal(curves.rowsWithin(0.01, 64, 64), 0);
  });

  it('count the rows of the next allowed size', () => {
    const curves = new LengthCurves(8, [2, 8]);
    learned(curves, 8, 4, 10);
    assert.equal(curves.meanMs(3, 4), curves.meanMs(8, 4));
    assert.ok(curves.meanMs(2, 4) < curves.meanMs(3, 4));
    assert.deepEqual(
      curves.estimates().map(({ rows }) => rows),
      [2, 8],
    );
    assert.equal(curves.rowsWithin(curves.highMs(2, 4), 8, 4), 2);
  });

  it('show people rows of the usual length', () => {
    const curves = new LengthCurves(8, []);
    assert.deepEqual(curves.estimates(), []);
    learned(curves, 4, 16, 10);
    const estimates = curves.estimates();
    assert.deepEqual(
      estimates.map(({ rows }) => rows),
      [1, 2, 4, 8],
    );
    assert.equal(estimates[2]!.meanMs, curves.meanMs(4));
    assert.ok(estimates[2]!.runs > 0);
  });

  it('compare threads at the same length', () => {
    const curves = new LengthCurves(8, []);
    learned(curves, 4, 16, 10);
    curves.learn(2, 4, 16, 6, false);
    assert.ok(curves.meanMsOf(2, 4) < curves.meanMsOf(1, 4));
    assert.equal(curves.meanMsOf(1, 4), curves.meanMs(4));
  });
});

describe('A LatencyModel of a signature with lengths', () => {
  it('keeps elements apart from rows between starts', () => {
    const model = new LatencyModel();
    learned(model.curveOf('s', 8, [], true) as LengthCurves, 4, 16, 10);
    const state = JSON.parse(JSON.stringify(model.export()));
    const again = new LatencyModel();
    const curves = again.curveOf('s', 8, [], true);
    assert.ok(again.import(state) > 0);
    assert.equal(Math.round(curves.meanMs(4, 16)), 10);
    const without = new LatencyModel();
    without.curveOf('s', 8, []);
    assert.equal(without.import(state), 0);
  });

  it('takes seeds of rows of a length', () => {
    const model = new LatencyModel();
    const curves = model.curveOf('s', 8, [], true);
    model.seed([{ signature: 's', rows: 2, length: 8, runMs: 4 }]);
    assert.equal(curves.meanMs(2, 8), 4);
    assert.equal(curves.meanMs(1, 16), 4);
  });
});
