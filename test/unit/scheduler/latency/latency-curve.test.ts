import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LatencyCurve } from '../../../../src/scheduler/latency/latency-curve.ts';
import { LatencyModel } from '../../../../src/scheduler/latency/latency-model.ts';

function seeded(points: Readonly<Record<number, number>>, max = 32, sizes: readonly number[] = []): LatencyCurve {
  const curve = new LatencyCurve(max, sizes);
  for (const [rows, ms] of Object.entries(points)) curve.seed(Number(rows), ms);
  return curve;
}

describe('LatencyCurve', () => {
  it('knows nothing at first, and then expects nothing and refuses no size', () => {
    const curve = new LatencyCurve(32, []);
    assert.deepEqual([curve.isKnown, curve.meanMs(8), curve.highMs(8), curve.rowsWithin(0, 32)], [false, 0, 0, 32]);
  });

  it('draws a line between what it knows, and on beyond it', () => {
    const curve = seeded({ 2: 12, 8: 18 });
    assert.deepEqual(
      [2, 4, 5, 8, 16].map((rows) => curve.meanMs(rows)),
      [12, 14, 15, 18, 26],
    );
    assert.ok(Math.abs(curve.meanMs(1) - 11) < 1e-9, 'and below');
  });

  it('takes half as fixed where it knows a single size', () => {
    const curve = seeded({ 8: 8 });
    assert.deepEqual([curve.meanMs(1), curve.meanMs(8), curve.meanMs(16)], [4.5, 8, 12]);
  });

  it('takes half as fixed also where the first run of all has a size between two', () => {
    const curve = new LatencyCurve(64, []);
    curve.learn(3, 80);
    assert.ok(Math.abs(curve.meanMs(3) - 80) < 1e-9, `${curve.meanMs(3)}`);
    assert.ok(Math.abs(curve.meanMs(48) - 40 * (1 + 48 / 3)) < 1, `${curve.meanMs(48)}`);
  });

  it('believes the first run of a size, however far from what was expected', () => {
    const curve = seeded({ 1: 1 });
    curve.learn(32, 900);
    assert.ok(Math.abs(curve.meanMs(32) - 900) < 1e-9, `${curve.meanMs(32)}`);
  });

  it('believes the second run of a size where it is faster: the first may have taken memory', () => {
    const curve = new LatencyCurve(32, []);
    curve.learn(1, 979);
    curve.learn(1, 31);
    assert.ok(Math.abs(curve.meanMs(1) - 31) < 1e-9, `${curve.meanMs(1)}`);
    assert.ok(curve.highMs(1) < 60, `${curve.highMs(1)}`);
    curve.learn(1, 10);
    assert.ok(curve.meanMs(1) > 20, 'and no other');
    const stalled = new LatencyCurve(32, []);
    stalled.learn(1, 31);
    stalled.learn(1, 979);
    assert.ok(stalled.meanMs(1) < 40, 'a slower one may be a stall');
  });

  it('believes the first run of a size also where a smaller one took no time by the clock', () => {
    const curve = new LatencyCurve(32, []);
    curve.learn(1, 0);
    curve.learn(32, 9);
    assert.equal(curve.meanMs(32), 9);
  });

  it('steps where only some sizes are allowed', () => {
    const curve = seeded({ 4: 10, 16: 20 }, 16, [4, 16]);
    assert.deepEqual(
      [1, 4, 5, 16].map((rows) => curve.meanMs(rows)),
      [10, 10, 20, 20],
    );
    assert.equal(curve.rowsWithin(15, 16), 4);
  });

  it('says how many rows a budget allows', () => {
    const curve = seeded({ 1: 10, 2: 20, 4: 40, 8: 80, 16: 160, 32: 320 });
    const high = (rows: number): number => curve.highMs(rows);
    assert.equal(curve.rowsWithin(high(1) - 0.1, 32), 0);
    assert.equal(curve.rowsWithin(high(1), 32), 1);
    assert.equal(curve.rowsWithin(high(8), 32), 8);
    assert.equal(curve.rowsWithin(high(12), 32), 12);
    assert.equal(curve.rowsWithin(1e9, 7), 7);
  });

  it('moves towards what runs take, and forgets what they took', () => {
    const curve = seeded({ 1: 10, 32: 40 });
    for (let i = 0; i < 60; i++) curve.learn(32, 80);
    assert.ok(Math.abs(curve.meanMs(32) - 80) < 2, `${curve.meanMs(32)}`);
    assert.ok(curve.highMs(32) < 100, 'and is sure of it');
    assert.equal(curve.meanMs(1), 10, 'of another size that says nothing');
  });

  it('is hardly moved by one stall', () => {
    const curve = seeded({ 8: 10 });
    for (let i = 0; i < 50; i++) curve.learn(8, 10);
    curve.learn(8, 5000);
    assert.ok(curve.meanMs(8) < 12, `${curve.meanMs(8)}`);
  });

  it('puts a size right that has not run for long by those that have', () => {
    const curve = seeded({ 1: 50, 32: 100 });
    for (let i = 0; i < 100; i++) curve.learn(32, 20);
    assert.ok(curve.meanMs(1) <= curve.meanMs(32));
    assert.ok(curve.meanMs(32) < 21, `${curve.meanMs(32)}`);
  });

  it('lets no large size of long ago cap the small ones that run', () => {
    const curve = seeded({ 1: 1, 64: 2 });
    for (let i = 0; i < 300; i++) curve.learn(8, 4);
    assert.ok(Math.abs(curve.meanMs(8) - 4) < 0.1, `${curve.meanMs(8)}`);
    assert.ok(curve.meanMs(64) >= curve.meanMs(8));
    const own = curve.export().find(({ rows }) => rows === 8);
    assert.ok(Math.abs(own!.meanMs - 4) < 0.1, `what it keeps of 8 rows is ${own!.meanMs}`);
  });

  it('trusts more what swings less', () => {
    const steady = seeded({ 8: 10 });
    const swinging = seeded({ 8: 10 });
    for (let i = 0; i < 50; i++) {
      steady.learn(8, 10);
      swinging.learn(8, i % 2 === 0 ? 5 : 15);
    }
    assert.ok(swinging.highMs(8) / swinging.meanMs(8) > 1.1 * (steady.highMs(8) / steady.meanMs(8)));
  });

  it('ignores what is no duration', () => {
    const curve = seeded({ 8: 10 });
    for (const ms of [Number.NaN, -1, Infinity]) curve.learn(8, ms);
    assert.equal(curve.meanMs(8), 10);
  });
});

describe('LatencyModel', () => {
  it('goes out as JSON and comes back the same', () => {
    const model = new LatencyModel();
    const curve = model.curveOf('s', 8, []);
    model.seed([
      { signature: 's', rows: 1, runMs: 3 },
      { signature: 's', rows: 8, runMs: 9 },
      { signature: 'x', rows: 1, runMs: 1 },
    ]);
    const again = new LatencyModel();
    const copy = again.curveOf('s', 8, []);
    assert.equal(again.import(JSON.parse(JSON.stringify(model.export()))), 2);
    for (const rows of [1, 3, 8]) assert.equal(copy.meanMs(rows), curve.meanMs(rows));
  });

  it('takes nothing from runs of a made-up length, and all from the first run of the requests’ own', () => {
    const model = new LatencyModel();
    const curve = model.curveOf('s', 8, []);
    model.seed([1, 8].map((rows) => ({ signature: 's', rows, length: 1, runMs: 0.1 * rows })));
    assert.equal(curve.isKnown, false);
    curve.learn(1, 8, 64, 300, false);
    assert.equal(curve.meanMs(8), 300);
  });

  for (const state of [
    undefined,
    null,
    7,
    [],
    {},
    { signatures: 3 },
    { signatures: { s: 'x' } },
    { signatures: { s: [null, { rows: 1 }, { rows: 1, meanMs: -3, deviationMs: 0, runs: 1 }] } },
    { signatures: { s: [{ rows: 1.5, meanMs: 1, deviationMs: 0, runs: 1 }] } },
    { signatures: { other: [] } },
  ]) {
    it(`takes nothing from ${JSON.stringify(state)}`, () => {
      const model = new LatencyModel();
      const curve = model.curveOf('s', 8, []);
      assert.equal(model.import(state), 0);
      assert.equal(curve.isKnown, false);
    });
  }
});
