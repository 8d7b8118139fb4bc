/**
 * What overload does, second by second, under a fake clock: each of these was a factor of two or more when it was missing.
 * Two slots, a model whose batch of 32 takes 14 ms; capacity is what full batches give.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SchedulerKind } from '../../src/scheduler/scheduler-options.ts';
import { attainmentOf, largeModelMs, type SimulatedModel, simulate, type TrafficClass } from '../support/traffic.ts';

const SLOTS = 2;
/** Rows per ms of full batches on all slots. */
const CAPACITY = (SLOTS * 32) / largeModelMs(32);

function model(load: number, kind: SchedulerKind, deadlineMs = 50): SimulatedModel {
  return { runMs: largeModelMs, classes: [{ perMs: load * CAPACITY, deadlineMs }], options: { kind } };
}

function oneModel(load: number, kind: SchedulerKind, durationMs = 1500) {
  return simulate({ slots: SLOTS, durationMs, models: [model(load, kind)] });
}

function medianOf(latencies: readonly number[]): number {
  return [...latencies].sort((a, b) => a - b)[latencies.length >> 1]!;
}

describe('Overload', () => {
  it('of one model at twice its capacity: nearly all that fits is in time, and hardly any time is wasted', async () => {
    const { attainment, wasted } = await oneModel(2, 'slack');
    assert.ok(attainment >= 0.45, `${attainment} of a possible 0.5`);
    assert.ok(wasted <= 0.05, `${wasted} of the rows ran for nothing`);
  });

  it('is the end of earliest deadline first alone: batches shrink for heads that are nearly late', async () => {
    const { attainment, meanBatch } = await oneModel(2, 'edf');
    assert.ok(attainment < 0.2, `${attainment}`);
    assert.ok(meanBatch < 8, `${meanBatch}`);
  });

  it('is the end of dropping only what has expired: every answer is just late', async () => {
    const { attainment, wasted } = await oneModel(2, 'greedy');
    assert.ok(attainment < 0.2 && wasted > 0.8, `${attainment}, ${wasted}`);
  });

  it('keeps what it admits: of those taken in, nine of ten are in time', async () => {
    for (const load of [1.2, 2]) {
      const { models } = await oneModel(load, 'slack');
      const [{ good, late, reasons }] = models[0] as [(typeof models)[0][0]];
      const dropped = (reasons.get('early_drop') ?? 0) + (reasons.get('expired') ?? 0);
      assert.ok(good / (good + late + dropped) >= 0.9, `${good} of ${good + late + dropped} at ${load}`);
    }
  });

  it('of mixed deadlines serves both, and more than first come, first served', async () => {
    const classes = [25, 200].map((deadlineMs) => ({ perMs: 0.6 * CAPACITY, deadlineMs }));
    const run = (kind: SchedulerKind) =>
      simulate({ slots: SLOTS, durationMs: 2000, models: [{ runMs: largeModelMs, classes, options: { kind } }] });
    const [slack, greedy] = [await run('slack'), await run('greedy')];
    assert.ok(slack.attainment >= 0.75, `${slack.attainment}`);
    assert.ok(slack.attainment >= 1.15 * greedy.attainment, `${greedy.attainment}`);
    assert.ok(slack.models[0]![0]!.good / slack.models[0]![0]!.offered >= 0.4, 'the tight ones are not given up');
  });

  it('of a hot model does not starve cold ones beside it', async () => {
    const run = (kind: SchedulerKind) =>
      simulate({ slots: SLOTS, durationMs: 2000, models: [2, 0.01, 0.01, 0.01].map((load) => model(load, kind)) });
    const [slack, greedy] = [await run('slack'), await run('greedy')];
    const worst = ({ models }: typeof slack): number => Math.min(...models.slice(1).map(attainmentOf));
    assert.ok(worst(slack) >= 0.93, `${worst(slack)}`);
    assert.ok(worst(greedy) < 0.8, `${worst(greedy)}`);
    assert.ok(attainmentOf(slack.models[0]!) > 0.25, 'and the hot one still gets the rest');
  });

  it('of a hot model with long runs does not starve cold ones with short runs, on a single slot', async () => {
    // Half of the runs are short: by their mean the cold ones would notice too late that a long one takes the slot.
    const shortMs = (rows: number): number => 0.8 + 0.05 * rows;
    const cold: SimulatedModel = { runMs: shortMs, classes: [{ perMs: 0.067, deadlineMs: 50 }] };
    const hot = model(1, 'slack');
    const { models } = await simulate({ slots: 1, durationMs: 3000, models: [hot, cold, cold, cold, cold] });
    const worst = Math.min(...models.slice(1).map(attainmentOf));
    assert.ok(worst >= 0.97, `${worst}`);
    assert.ok(attainmentOf(models[0]!) > 0.4, `and the hot one still gets the rest: ${attainmentOf(models[0]!)}`);
  });

  it('of requests with short deadlines does not hold up one without a deadline for long, however slow its runs', async () => {
    const flood: SimulatedModel = {
      runMs: (rows) => 0.3 + 0.2 * rows,
      classes: [{ perMs: 4, deadlineMs: 3 }],
      options: { maxBatchSize: 4, maxEnqueuedBatches: 100 },
    };
    for (const { runMs, durationMs, boundMs } of [
      { runMs: 30, durationMs: 2500, boundMs: 700 },
      { runMs: 400, durationMs: 6000, boundMs: 2100 },
    ]) {
      const soft: SimulatedModel = { runMs: () => runMs, classes: [{ perMs: 1 / 1500, deadlineMs: Infinity }] };
      const { models } = await simulate({ slots: 1, durationMs, models: [flood, soft] });
      const [{ offered, latencies }] = models[1] as [(typeof models)[1][0]];
      assert.ok(offered > 0);
      assert.equal(latencies.length, offered, 'everybody is answered');
      assert.ok(Math.max(...latencies) <= boundMs, `${Math.max(...latencies)} ms beside runs of ${runMs} ms`);
    }
  });

  it('of many models wastes less than first come, first served', async () => {
    const weights = Array.from({ length: 10 }, (_, i) => 1 / (i + 1) ** 1.1);
    const sum = weights.reduce((a, b) => a + b);
    const run = (kind: SchedulerKind) =>
      simulate({ slots: SLOTS, durationMs: 2000, models: weights.map((w) => model((1.5 * w) / sum, kind)) });
    const [slack, greedy] = [await run('slack'), await run('greedy')];
    assert.ok(slack.attainment >= 1.15 * greedy.attainment, `${slack.attainment}, ${greedy.attainment}`);
    assert.ok(slack.wasted < 0.05, `${slack.wasted}`);
  });

  it('of low load there is none: the median is that of first come, first served', async () => {
    const [slack, greedy] = [await oneModel(0.3, 'slack'), await oneModel(0.3, 'greedy')];
    const [mine, plain] = [slack, greedy].map(({ models }) => medianOf(models[0]![0]!.latencies)) as [number, number];
    assert.ok(mine <= 1.1 * plain, `${mine} and ${plain} ms`);
    assert.ok(slack.attainment >= 0.99);
  });

  it('ends: after a step of three times the capacity all is well again at once', async () => {
    const step = { from: 500, until: 1000 };
    const runMs = (rows: number, at: number): number =>
      largeModelMs(rows) * (at > step.from && at < step.until ? 4 : 1);
    const { models } = await simulate({
      slots: SLOTS,
      durationMs: 4000,
      models: [{ runMs, classes: [{ perMs: 0.6 * CAPACITY, deadlineMs: 50 }] }],
    });
    const [{ offered, good }] = models[0] as [(typeof models)[0][0]];
    // Half a second of hardly any answer and nothing lost after it: the rest is 7/8.
    assert.ok(good / offered > 0.82, `${good / offered}`);
  });

  it('imagined is found out: an estimate ten times too high is put right by probes', async () => {
    const { models } = await simulate({
      slots: SLOTS,
      durationMs: 6000,
      models: [
        {
          runMs: largeModelMs,
          classes: [{ perMs: 0.3 * CAPACITY, deadlineMs: 50 }],
          options: {
            seeds: [1, 8, 32].map((rows) => ({ signature: 'serving_default', rows, runMs: 10 * largeModelMs(rows) })),
          },
        },
      ],
    });
    const [{ offered, good }] = models[0] as [(typeof models)[0][0]];
    assert.ok(good / offered > 0.4, `${good / offered}`);
  });
});

describe('In standing overload', () => {
  const runMs = (rows: number): number => 3 + 0.1 * rows;
  const options = { maxBatchSize: 32, maxEnqueuedBatches: 100 };
  const run = (classes: readonly TrafficClass[]) =>
    simulate({ models: [{ classes, runMs, options }], slots: 1, durationMs: 4000 });

  it('the admitted are answered after about two runs, not at the edge of their deadlines', async () => {
    // Twice what full batches of 6.2 ms do.
    const [one] = (await run([{ perMs: 10.3, deadlineMs: 100 }])).models[0]!;
    assert.ok(one!.good > 0.48 * one!.offered, `${one!.good} of ${one!.offered}`);
    assert.ok(medianOf(one!.latencies) < 20, `${medianOf(one!.latencies)}`);
    assert.ok(one!.good > 0.99 * (one!.offered - one!.refused), `${one!.offered - one!.refused - one!.good} late`);
  });

  it('a burst has the room up to its deadline', async () => {
    const burst: TrafficClass = { perMs: 0.8, deadlineMs: 100, rows: 1 };
    const [one] = (await run([burst, { ...burst, perMs: 0.05, rows: 32 }])).models[0]!;
    assert.equal(one!.good, one!.offered);
  });

  it('batches are as full in each start, though a run that has the machine to itself looks cheap', async () => {
    const runMs = (rows: number, _at: number, beside: number): number => largeModelMs(rows) * (1 + 0.6 * beside);
    const classes = [{ perMs: (2 * CAPACITY) / 1.6, deadlineMs: 50 }];
    const fullness: number[] = [];
    // In two of these, sizes that were compared whatever ran beside them ended at 16 and 18 rows.
    for (const seed of [1, 3, 12]) {
      const models = [{ runMs, classes }];
      fullness.push((await simulate({ slots: SLOTS, durationMs: 3000, seed, noise: 0.3, models })).meanBatch);
    }
    assert.ok(Math.min(...fullness) >= 27, `rows a run: ${fullness.map((rows) => rows.toFixed(1))}`);
  });
});
