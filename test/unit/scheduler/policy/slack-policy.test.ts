import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LatencyCurve } from '../../../../src/scheduler/latency/latency-curve.ts';
import type { Decision, Situation, SlackFacts } from '../../../../src/scheduler/policy/batch-policy.ts';
import { SlackPolicy, type SlackPolicyOptions } from '../../../../src/scheduler/policy/slack-policy.ts';

/** 10 ms and 1 ms a row; high = mean · 1.075. */
function curveOf(sizes: readonly number[] = []): LatencyCurve {
  const curve = new LatencyCurve(8, sizes);
  for (const rows of sizes.length > 0 ? sizes : [1, 2, 4, 8]) curve.seed(rows, 10 + rows);
  return curve;
}

interface NamedLane extends SlackFacts {
  readonly name: string;
}

interface LaneInit {
  readonly rows: number;
  /** In ms from 0. */
  readonly due: number;
  readonly soft?: boolean;
  readonly came?: number;
  /** Rows per ms. */
  readonly arrivals?: number;
  readonly sizes?: readonly number[];
  readonly unknown?: boolean;
  /** When the last of its rows is due; by default all are with the head. */
  readonly lastDue?: number;
  /** A deadline among its rows, of one row, and how many go before that. */
  readonly deadline?: { readonly due: number; readonly before: number };
  /** Rows that are worth it, and those that are to be tried; 0 = none are. */
  readonly efficientSize?: readonly [number, number];
}

function lane(name: string, init: LaneInit): NamedLane {
  const {
    rows,
    due,
    soft = false,
    came = 0,
    arrivals = 0,
    sizes = [],
    unknown = false,
    lastDue = due,
    deadline,
    efficientSize: [usual, tried] = [8, 0],
  } = init;
  return {
    name,
    queuedRows: rows,
    queuedTasks: rows,
    oldestEnqueuedAt: came,
    maxBatchSize: 8,
    mostRows: () => usual,
    rowsToTry: () => tried,
    headRows: 1,
    headDue: due,
    headOrder: due,
    isHeadSpared: false,
    isHeadSoft: soft,
    rowsBefore: ({ order: at }) => (at >= lastDue ? rows : at < due ? 0 : (rows * (at - due)) / (lastDue - due)),
    firstDeadline: (within) =>
      deadline !== undefined && deadline.before < within ? { rows: 1, ...deadline } : undefined,
    arrivalRows: () => arrivals,
    latency: unknown ? new LatencyCurve(8, sizes) : curveOf(sizes),
    sizes,
  };
}

interface Case {
  readonly name: string;
  readonly lanes: readonly NamedLane[];
  readonly now?: number;
  readonly freeSlots?: number;
  readonly situation?: Partial<Situation>;
  readonly options?: SlackPolicyOptions;
  /** 'lane rows reason', 'newest lane rows', 'shed lane reason', 'until instant' or 'idle'. */
  readonly want: string;
}

const CASES: readonly Case[] = [
  { name: 'rests when nothing waits', lanes: [], want: 'idle' },
  { name: 'rests when no slot is free', lanes: [lane('a', { rows: 8, due: 100 })], freeSlots: 0, want: 'idle' },
  { name: 'takes what there is, at once', lanes: [lane('a', { rows: 3, due: 100 })], want: 'a 3 slot_free' },
  { name: 'takes no more than a full batch', lanes: [lane('a', { rows: 20, due: 100 })], want: 'a 8 full' },
  {
    name: 'asks nothing of a model it knows nothing of',
    lanes: [lane('a', { rows: 8, due: 0.1, unknown: true })],
    want: 'a 8 full',
  },
  {
    name: 'takes no more rows than are worth it',
    lanes: [lane('a', { rows: 8, due: 40, efficientSize: [1, 0] })],
    want: 'a 1 enough',
  },
  {
    name: 'tries a larger size where the head is in time with it',
    lanes: [lane('a', { rows: 8, due: 13, efficientSize: [1, 2] })],
    want: 'a 2 enough',
  },
  {
    name: 'tries no larger size with which the head would be late',
    lanes: [lane('a', { rows: 8, due: 12.4, efficientSize: [1, 2] })],
    want: 'a 1 enough',
  },
  {
    name: 'tries a smaller size where the head has time for four runs of it, however many wait',
    lanes: [lane('a', { rows: 8, due: 50, efficientSize: [4, 2] })],
    want: 'a 2 enough',
  },
  {
    name: 'tries no smaller size where the head has less time',
    lanes: [lane('a', { rows: 8, due: 40, efficientSize: [4, 2] })],
    want: 'a 4 enough',
  },
  {
    name: 'divides what waits among the free slots',
    lanes: [lane('a', { rows: 7, due: 100 })],
    freeSlots: 2,
    want: 'a 4 slot_free',
  },
  {
    name: 'divides no more than is over a full batch for each',
    lanes: [lane('a', { rows: 20, due: 100 })],
    freeSlots: 2,
    want: 'a 8 full',
  },
  {
    name: 'divides nothing among slots that are no cores',
    lanes: [lane('a', { rows: 7, due: 100 })],
    freeSlots: 2,
    situation: { areCores: false },
    want: 'a 7 slot_free',
  },
  {
    name: 'divides no full batch where a batch timeout was set: the rest would wait for it',
    lanes: [lane('a', { rows: 8, due: 100 })],
    freeSlots: 2,
    options: { batchTimeoutMicros: 5000 },
    want: 'a 8 full',
  },
  {
    name: 'drops a head whose small run would make more of those behind it late',
    lanes: [lane('a', { rows: 8, due: 13, lastDue: 40 })],
    want: 'shed a early_drop',
  },
  {
    name: 'drops none beside another free slot, to which those behind it go',
    lanes: [lane('a', { rows: 8, due: 13, lastDue: 40 })],
    freeSlots: 2,
    want: 'a 2 full',
  },
  {
    name: 'leaves slots that others want to them, and takes a full batch',
    lanes: [lane('a', { rows: 7, due: 20 })],
    freeSlots: 2,
    situation: { isShared: true, load: 0.9 },
    want: 'a 7 slot_free',
  },
  {
    name: 'takes as many rows as the head has time for',
    lanes: [lane('a', { rows: 8, due: 13 })],
    want: 'a 2 full',
  },
  {
    name: 'sheds a head that no run would answer in time',
    lanes: [lane('a', { rows: 8, due: 10.9 })],
    want: 'shed a expired',
  },
  {
    name: 'counts what passes around a run',
    lanes: [lane('a', { rows: 8, due: 13 })],
    situation: { overheadMs: 2.5 },
    want: 'shed a expired',
  },
  {
    name: 'sheds a head that would keep batches too small for the traffic',
    lanes: [lane('a', { rows: 20, due: 13, lastDue: 60, arrivals: 1 })],
    want: 'shed a early_drop',
  },
  {
    name: 'keeps it where the traffic is light',
    lanes: [lane('a', { rows: 20, due: 13, lastDue: 200, arrivals: 0.01 })],
    want: 'a 2 full',
  },
  {
    name: 'sheds it before a burst has made the traffic heavy: its small run would make more rows late than it has',
    lanes: [lane('a', { rows: 20, due: 13, lastDue: 60, arrivals: 0.01 })],
    want: 'shed a early_drop',
  },
  {
    name: 'saves what it can of a burst that is due all at once: giving up would gain nothing',
    lanes: [lane('a', { rows: 20, due: 13, arrivals: 1 })],
    want: 'a 2 full',
  },
  {
    name: 'never sheds more than a second run would cost, where other models want the slots',
    lanes: [lane('a', { rows: 8, due: 13, lastDue: 21, arrivals: 1 })],
    situation: { isShared: true, load: 1 },
    want: 'a 2 full',
  },
  {
    name: 'starts the lane first that must start first',
    lanes: [lane('a', { rows: 1, due: 50 }), lane('b', { rows: 8, due: 55 }), lane('c', { rows: 1, due: 52 })],
    want: 'b 8 full',
  },
  {
    name: 'is not late for want of an objective',
    lanes: [lane('a', { rows: 3, due: -500, soft: true, came: -1000 })],
    want: 'a 3 slot_free',
  },
  {
    name: 'takes only as many rows as keep the deadline of a request behind a head without one',
    lanes: [lane('a', { rows: 8, due: -500, soft: true, came: -1000, deadline: { due: 15.5, before: 1 } })],
    want: 'a 4 full',
  },
  {
    name: 'takes along those that go before it, whatever they take',
    lanes: [lane('a', { rows: 8, due: -500, soft: true, came: -1000, deadline: { due: 16, before: 5 } })],
    want: 'a 6 full',
  },
  {
    name: 'leaves out a request whose deadline its place in the batch would not keep',
    lanes: [lane('a', { rows: 8, due: -500, soft: true, came: -1000, deadline: { due: 14, before: 5 } })],
    want: 'a 5 full',
  },
  {
    name: 'is not bounded by a deadline of a task outside the batch',
    lanes: [lane('a', { rows: 20, due: -500, soft: true, came: -1000, deadline: { due: 12, before: 8 } })],
    want: 'a 8 full',
  },
  {
    name: 'sheds what is over its objective in a standing queue',
    lanes: [lane('a', { rows: 20, due: -1, soft: true, came: -50 })],
    situation: { isStanding: true },
    want: 'shed a standing_queue',
  },
  {
    name: 'serves the newest first in a standing queue',
    lanes: [lane('a', { rows: 20, due: 5, soft: true, came: -45 })],
    situation: { isStanding: true },
    want: 'newest a 8',
  },
  {
    name: 'sheds nobody of a standing queue that one batch holds',
    lanes: [lane('a', { rows: 8, due: -1, soft: true, came: -50 })],
    situation: { isStanding: true },
    want: 'newest a 8',
  },
  {
    name: 'bounds a batch to half of a much tighter deadline beside it',
    lanes: [lane('a', { rows: 8, due: 200 })],
    situation: { tightestMs: 36 },
    want: 'a 7 full',
  },
  {
    name: 'but not where small batches get much less done',
    lanes: [lane('a', { rows: 8, due: 200 })],
    situation: { tightestMs: 26 },
    want: 'a 8 full',
  },
  {
    name: 'does not bound it for a deadline like its own',
    lanes: [lane('a', { rows: 8, due: 40 })],
    situation: { tightestMs: 26 },
    want: 'a 8 full',
  },
  {
    name: 'waits for more rows where other models want the busy slots and there is time',
    lanes: [lane('a', { rows: 2, due: 100, arrivals: 0.1 })],
    situation: { isShared: true, load: 0.9 },
    want: 'until 10',
  },
  {
    name: 'does not wait where the slots have room',
    lanes: [lane('a', { rows: 2, due: 100, arrivals: 0.1 })],
    situation: { isShared: true, load: 0.8 },
    want: 'a 2 slot_free',
  },
  {
    name: 'does not wait when the next would come too near the latest start',
    lanes: [lane('a', { rows: 2, due: 100, arrivals: 0.01 })],
    situation: { isShared: true, load: 0.9 },
    want: 'a 2 slot_free',
  },
  {
    name: 'waits only until a long run of others, begun just before, could still end in time',
    lanes: [lane('a', { rows: 2, due: 50, arrivals: 0.1 })],
    situation: { isShared: true, load: 0.9, slotWaitMs: 36 },
    want: 'a 2 slot_free',
  },
  {
    name: 'does not wait alone on its slots, however busy',
    lanes: [lane('a', { rows: 2, due: 100, arrivals: 0.1 })],
    situation: { load: 1 },
    want: 'a 2 slot_free',
  },
  {
    name: 'waits out a batch timeout that was set',
    lanes: [lane('a', { rows: 2, due: 100 })],
    options: { batchTimeoutMicros: 5000 },
    want: 'until 5',
  },
  {
    name: 'but not beyond the latest start',
    lanes: [lane('a', { rows: 1, due: 15 })],
    options: { batchTimeoutMicros: 5000 },
    now: 3.5,
    want: 'a 1 timeout',
  },
  {
    name: 'nor up to it: a quarter of the time is left for a timer that is late, and for the machine',
    lanes: [lane('a', { rows: 1, due: 1000 })],
    options: { batchTimeoutMicros: 10_000_000 },
    want: 'until 738.45',
  },
  {
    name: 'goes down to an allowed size where padding costs more per row',
    lanes: [lane('a', { rows: 5, due: 1000, sizes: [4, 64] })],
    want: 'a 4 slot_free',
  },
  {
    name: 'pads up where that costs less per row',
    lanes: [lane('a', { rows: 5, due: 1000, sizes: [1, 8] })],
    want: 'a 5 slot_free',
  },
  {
    name: 'without the sustain rule serves the head, however small the batch',
    lanes: [lane('a', { rows: 20, due: 13, lastDue: 60, arrivals: 1 })],
    options: { isSustaining: false },
    want: 'a 2 full',
  },
];

const QUIET: Situation = {
  share: 1,
  areCores: true,
  isShared: false,
  load: 0,
  slotWaitMs: 0,
  tightestMs: Infinity,
  isStanding: false,
  overheadMs: 0,
};

function show(decision: Decision<NamedLane>): string {
  switch (decision.kind) {
    case 'run':
      return `${decision.lane.name} ${decision.rows} ${decision.reason}`;
    case 'runNewest':
      return `newest ${decision.lane.name} ${decision.rows}`;
    case 'shed':
      return `shed ${decision.lane.name} ${decision.reason}`;
    case 'waitUntil':
      return `until ${decision.at}`;
    case 'idle':
      return 'idle';
  }
}

describe('SlackPolicy', () => {
  for (const { name, lanes, now = 0, freeSlots = 1, situation = {}, options = {}, want } of CASES) {
    it(name, () => {
      const policy = new SlackPolicy(options);
      const snapshot = { freeSlots, situation: { ...QUIET, ...situation } };
      assert.equal(show(policy.decide({ ...snapshot, lanes }, now)), want);
      assert.equal(show(policy.decide({ ...snapshot, lanes: [...lanes].reverse() }, now)), want, 'whatever the order');
    });
  }
});
