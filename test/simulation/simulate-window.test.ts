import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ArrivalsReport } from '../../src/cli/what-if/arrivals.ts';
import type { WindowFigures } from '../../src/cli/what-if/figures.ts';
import type { ServedModel } from '../../src/cli/what-if/read-server.ts';
import { measuredFigures, type Setting, simulateWindow } from '../../src/cli/what-if/simulate-window.ts';
import { arrivals, MODELS, runMs } from '../support/what-if-answers.ts';

const PRESENT: Setting = { cores: 2, slots: 1, threads: 1, maxBatchSize: 32, sloMs: undefined, load: 1 };
const TARGETS = [{ model: 0, signature: 'serving_default' }];
/** Requests in a ms that one slot can answer. */
const CAPACITY = 32 / runMs(32);

function served(changes: Partial<ServedModel> = {}): ServedModel {
  const sizes = [1, 2, 4, 8, 16, 32].map((rows) => ({ rows, meanMs: runMs(rows) }));
  return {
    name: 'digits',
    version: '3',
    axes: new Map([['serving_default', { kind: 'dynamic' }]]),
    curves: new Map([['serving_default', sizes]]),
    sloMs: undefined,
    place: 'threads',
    sessions: 1,
    ...changes,
  };
}

function simulate(
  report: ArrivalsReport,
  changes: Partial<Setting> = {},
  model = served(),
  present = PRESENT,
): Promise<WindowFigures> {
  const state = { plan: MODELS.plan, arrivals: report, models: [model] };
  return simulateWindow(state, TARGETS, { present, setting: { ...present, ...changes } }, () => undefined);
}

describe('a simulated window', () => {
  it('answers all at a low load, in the time of small batches', async () => {
    const figures = await simulate(arrivals(0.3 * CAPACITY, 50));
    assert.equal(figures.inTime, 1);
    assert.ok(figures.p50Ms > 8 && figures.p50Ms < 20, String(figures.p50Ms));
    assert.ok(figures.coresUsed! > 0.5 && figures.coresUsed! < 1.1, String(figures.coresUsed));
  });

  it('answers what one slot can at twice of that, nearly all with another core, and half as much at twice the load', async () => {
    const report = arrivals(2 * CAPACITY, 50);
    const as = await simulate(report);
    const more = await simulate(report, { cores: 4, slots: 3 });
    const twice = await simulate(report, { load: 2 });
    assert.ok(as.inTime > 0.42 && as.inTime < 0.54, String(as.inTime));
    assert.ok(as.refused > 0.4, String(as.refused));
    assert.ok(more.inTime > 0.98, String(more.inTime));
    assert.ok(more.coresUsed! > 1.7 && more.coresUsed! < 3.2, String(more.coresUsed));
    assert.ok(Math.abs(twice.inTime - as.inTime / 2) < 0.04, `${twice.inTime} ${as.inTime}`);
  });

  it('makes runs longer beside more of them', async () => {
    const report = arrivals(0.01, 50);
    const [few, many] = [await simulate(report), await simulate(report, { cores: 9, slots: 8 })];
    assert.ok(Math.abs(many.p50Ms / few.p50Ms - 1.28) < 0.03, `${many.p50Ms} ${few.p50Ms}`);
  });

  it('runs larger batches than were measured, where they may be', async () => {
    const report = arrivals(2 * CAPACITY, 100);
    const [as, large] = [await simulate(report), await simulate(report, { maxBatchSize: 128 })];
    // 128 rows take 33.6 ms: 3.8 a ms, where 32 are 2.2.
    assert.ok(large.inTime > as.inTime + 0.2, `${large.inTime} ${as.inTime}`);
  });

  it('holds requests without a deadline to the objective', async () => {
    const report = arrivals(1.4 * CAPACITY, null);
    const free = await simulate(report);
    assert.deepEqual([free.inTime, free.refused], [1, 0]);
    const held = await simulate(report, { sloMs: 50 });
    assert.ok(held.inTime > 0.3 && held.inTime < 0.6, String(held.inTime));
  });

  it('runs on the event loop, or elsewhere, what does so on the server', async () => {
    const report = arrivals(0.3, 50);
    const inline = await simulate(report, { cores: 8, slots: 7 }, served({ place: 'loop' }));
    assert.ok(inline.coresUsed! <= 1, String(inline.coresUsed));
    const elsewhere = await simulate(report, {}, served({ place: 'elsewhere', sessions: 8 }));
    assert.ok(elsewhere.inTime === 1 && elsewhere.coresUsed! < 0.05, JSON.stringify(elsewhere));
  });

  it('takes runs on several threads as they were measured', async () => {
    const report = arrivals(0.01, 50);
    const present = { ...PRESENT, cores: 4, slots: 2, threads: 2 };
    const figures = await simulate(report, {}, served(), present);
    assert.ok(Math.abs(figures.p50Ms - runMs(1)) < 0.3, String(figures.p50Ms));
  });

  it('lets clients leave when they did, and counts them in nothing', async () => {
    const report = arrivals(0.3, 50);
    const outcome = report.at_ms.map((_, i) => (i % 2 === 0 ? 'cancelled' : 'answered'));
    const took_ms = outcome.map((fate) => (fate === 'cancelled' ? 2 : 20));
    const figures = await simulate({ ...report, outcome, took_ms });
    assert.equal(figures.requests, outcome.filter((fate) => fate === 'answered').length);
    assert.equal(figures.inTime, 1);
  });

  it('repeats', async () => {
    const report = arrivals(2 * CAPACITY, 50);
    assert.deepEqual(await simulate(report), await simulate(report));
  });
});

describe('a measured window', () => {
  it('counts what the server says, by the deadline or the objective', () => {
    const report: ArrivalsReport = {
      ...arrivals(0.001, 50),
      ...{ at_ms: [0, 1, 2, 3, 4, 5], model: [0, 0, 0, 0, 0, 0], rows: [1, 1, 1, 1, 1, 1] },
      deadline_ms: [50, null, null, 50, 50, 50],
      outcome: ['answered', 'answered', 'answered', 'refused', 'late', 'cancelled'],
      took_ms: [40, 99, 101, 0.2, 60, 1],
    };
    const figures = measuredFigures(
      { plan: MODELS.plan, arrivals: report, models: [served({ sloMs: 100 })] },
      TARGETS,
      1.5,
    );
    assert.deepEqual(figures, { requests: 5, inTime: 0.4, refused: 0.2, p50Ms: 99, p99Ms: 101, coresUsed: 1.5 });
  });
});
