import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { figuresOf, percentile, recoveryAfterStep, wastedShare } from '../../../../bench/overload/figures.ts';
import { decodeOutcomes, encodeOutcomes } from '../../../../bench/overload/outcome-columns.ts';
import { emptyOutcomes, Outcome, type Outcomes, outcomeOf } from '../../../../bench/overload/outcomes.ts';
import type { RequestPlan } from '../../../../bench/overload/request-plan.ts';
import { parseWorkload, type Workload } from '../../../../bench/overload/workload.ts';

const arrivals = { kind: 'poisson' };

function workload(profile?: object, second: object = {}): Workload {
  return parseWorkload({
    name: 'w',
    maxBatchSize: 10,
    models: [
      { name: 'a', file: 'f', latency: { baseMs: 10, perRowMs: 1 } },
      { name: 'b', file: 'f', latency: { baseMs: 30, perRowMs: 3 } },
    ],
    streams: [
      { name: 's', model: 'a', load: 1, objectiveMs: 50, arrivals, ...(profile !== undefined && { profile }) },
      { name: 't', model: 'b', load: 1, objectiveMs: 50, arrivals, ...second },
    ],
  });
}

/** One request a row: intended, model, how it ended, when. */
type Row = readonly [at: number, model: number, kind: number, endedAt: number];

function planAndOutcomes(rows: readonly Row[], lengthMs = 1000): [RequestPlan, Outcomes] {
  const outcomes = emptyOutcomes(rows.length);
  outcomes.kind.set(rows.map((row) => row[2]));
  // Sent half a ms late, all of them.
  outcomes.sentAt.set(rows.map((row) => row[0] + 0.5));
  outcomes.endedAt.set(rows.map((row) => row[3]));
  const plan: RequestPlan = {
    count: rows.length,
    at: Float64Array.from(rows, (row) => row[0]),
    model: Uint16Array.from(rows, (row) => row[1]),
    stream: Uint16Array.from(rows, (row) => row[1]),
    objectiveMs: new Float64Array(rows.length).fill(50),
    cancelAt: new Float64Array(rows.length).fill(Infinity),
    leadInMs: 100,
    lengthMs,
  };
  return [plan, outcomes];
}

const { ANSWERED, CANCELLED, EXPIRED, FAILED, LOST, REFUSED } = Outcome;

describe('figures', () => {
  const rows: readonly Row[] = [
    [-50, 0, ANSWERED, -20],
    [0, 0, ANSWERED, 50],
    [100, 0, ANSWERED, 150.001],
    [200, 0, REFUSED, 201],
    [300, 0, EXPIRED, 350],
    [400, 0, CANCELLED, 410],
    [500, 1, ANSWERED, 510],
    [600, 1, FAILED, 620],
    [700, 1, LOST, Number.NaN],
    [800, 1, REFUSED, 803],
  ];
  const [plan, outcomes] = planAndOutcomes(rows);
  const figures = figuresOf(workload(), plan, outcomes);

  it('count what came in time of what was offered: no lead-in, no cancelled ones', () => {
    assert.equal(figures.offered, 8);
    assert.equal(figures.inTime, 2);
    assert.equal(figures.attainment, 2 / 8);
    assert.equal(figures.admittedAttainment, 2 / 6);
    assert.equal(figures.goodput, 2);
    const { late, refused, expired, failed, lost, cancelled } = figures;
    assert.deepEqual(
      { late, refused, expired, failed, lost, cancelled },
      { late: 1, refused: 2, expired: 1, failed: 1, lost: 1, cancelled: 1 },
    );
  });

  it('count latency from the intended instant, of whatever was admitted; what never came counts for ever', () => {
    assert.equal(figures.p50Ms, 50);
    assert.equal(figures.p99Ms, Infinity);
    assert.equal(figures.refusalP50Ms, 1);
    assert.equal(figures.refusalP99Ms, 3);
    assert.equal(figures.refusalFromSendP99Ms, 2.5);
  });

  it('are told by model, by stream and by time', () => {
    assert.deepEqual(figures.models, [
      { name: 'a', offered: 4, attainment: 1 / 4 },
      { name: 'b', offered: 4, attainment: 1 / 4 },
    ]);
    assert.deepEqual(
      figures.streams.map(({ name }) => name),
      ['s', 't'],
    );
    assert.deepEqual(figures.timeline, [1, 0, 0, 0, null, 1, 0, 0, 0, null]);
  });

  it('leave out a stream that is not judged, but for its own part and its model’s', () => {
    const judged = figuresOf(workload(undefined, { judged: false }), plan, outcomes);
    assert.deepEqual([judged.offered, judged.inTime, judged.refused, judged.failed], [4, 1, 1, 0]);
    assert.ok(Math.abs(judged.p99Ms - 50.001) < 1e-9);
    assert.equal(judged.refusalP99Ms, 1);
    assert.deepEqual([judged.models, judged.streams], [figures.models, figures.streams]);
    assert.deepEqual(judged.timeline.slice(5), [null, null, null, null, null]);
  });

  it('of nothing are no numbers, and nothing throws', () => {
    const [none, nothing] = planAndOutcomes([]);
    const empty = figuresOf(workload(), none, nothing);
    assert.equal(empty.offered, 0);
    for (const value of [empty.attainment, empty.p50Ms, empty.refusalP99Ms]) assert.ok(Number.isNaN(value));
  });

  it('of waste weigh rows by what a row of the model costs', () => {
    // A row of b costs three of a. In time: two of a (one in the lead-in) and one of b; run: 5 and 5.
    assert.ok(Math.abs(wastedShare(workload(), plan, outcomes, [5, 5]) - (1 - (2 + 3) / (5 + 15))) < 1e-12);
    assert.equal(wastedShare(workload(), plan, outcomes, [2, 1]), 0);
  });
});

describe('recovery', () => {
  const profile = [
    { share: 0.25, factor: 1 },
    { share: 0.25, factor: 3 },
    { share: 0.5, factor: 1 },
  ];
  const everyTenMs = (isInTime: (at: number) => boolean): [RequestPlan, Outcomes] =>
    planAndOutcomes(
      Array.from({ length: 400 }, (_, i): Row => [10 * i, 0, isInTime(10 * i) ? ANSWERED : EXPIRED, 10 * i + 20]),
      4000,
    );

  it('is where the first good second after the step begins', () => {
    assert.equal(recoveryAfterStep(workload(profile), ...everyTenMs((at) => at < 1000 || at >= 2300)), 300);
    assert.equal(recoveryAfterStep(workload(profile), ...everyTenMs(() => true)), 0);
  });

  it('is never where none does, and no figure where nothing steps down', () => {
    assert.equal(recoveryAfterStep(workload(profile), ...everyTenMs((at) => at % 100 !== 0)), Infinity);
    assert.equal(recoveryAfterStep(workload(), ...everyTenMs(() => true)), undefined);
    const short = [
      { share: 0.9, factor: 2 },
      { share: 0.1, factor: 1 },
    ];
    assert.equal(recoveryAfterStep(workload(short), ...everyTenMs(() => true)), undefined);
  });
});

describe('percentile', () => {
  it('is the nearest rank, a value that is there', () => {
    const hundred = Float64Array.from({ length: 100 }, (_, i) => i + 1);
    assert.deepEqual(
      [0.5, 0.99, 0.999, 1, 0].map((share) => percentile(hundred, share)),
      [50, 99, 100, 100, 1],
    );
    assert.equal(percentile(Float64Array.of(7), 0.5), 7);
    assert.ok(Number.isNaN(percentile(new Float64Array(0), 0.5)));
  });
});

describe('outcomes', () => {
  it('travel between processes unchanged', () => {
    const row = fc.record({ kind: fc.integer({ min: 0, max: 5 }), sentAt: fc.double(), endedAt: fc.double() });
    fc.assert(
      fc.property(fc.array(row), (list) => {
        const outcomes = emptyOutcomes(list.length);
        outcomes.kind.set(list.map(({ kind }) => kind));
        outcomes.sentAt.set(list.map(({ sentAt }) => sentAt));
        outcomes.endedAt.set(list.map(({ endedAt }) => endedAt));
        assert.deepEqual(decodeOutcomes(encodeOutcomes(outcomes)), outcomes);
      }),
    );
    assert.throws(() => decodeOutcomes(encodeOutcomes(emptyOutcomes(3)).subarray(0, 40)), /3 of them take 59/);
  });

  it('are told by the gRPC status', () => {
    assert.deepEqual([0, 8, 14, 4, 13, -1, Number.NaN].map(outcomeOf), [
      ANSWERED,
      REFUSED,
      REFUSED,
      EXPIRED,
      FAILED,
      FAILED,
      FAILED,
    ]);
  });
});
