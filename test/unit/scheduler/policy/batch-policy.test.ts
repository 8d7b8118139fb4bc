import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Decision, GreedyPolicy, type LaneFacts } from '../../../../src/scheduler/policy/batch-policy.ts';

interface NamedLane extends LaneFacts {
  readonly name: string;
}

/** A lane of `max` 8 at most, whose head came at `oldest`. */
function lane(name: string, queuedRows: number, oldest: number, maxBatchSize = 8): NamedLane {
  return { name, queuedRows, queuedTasks: queuedRows, oldestEnqueuedAt: oldest, maxBatchSize };
}

interface Case {
  readonly name: string;
  readonly freeSlots?: number;
  readonly timeoutMicros?: number;
  readonly now: number;
  readonly lanes: readonly NamedLane[];
  /** 'lane rows reason', 'until instant' or 'idle'. */
  readonly want: string;
}

const CASES: readonly Case[] = [
  { name: 'rests when nothing waits', now: 10, lanes: [], want: 'idle' },
  { name: 'rests when no slot is free', freeSlots: 0, now: 10, lanes: [lane('a', 8, 0)], want: 'idle' },
  { name: 'takes what there is, at once', now: 10, lanes: [lane('a', 1, 10)], want: 'a 1 slot_free' },
  { name: 'takes no more than a full batch', now: 10, lanes: [lane('a', 20, 0)], want: 'a 8 full' },
  { name: 'calls an exactly full batch full', now: 10, lanes: [lane('a', 8, 0)], want: 'a 8 full' },
  {
    name: 'serves the head that waited longest, full or not',
    now: 10,
    lanes: [lane('a', 8, 5), lane('b', 1, 4), lane('c', 8, 6)],
    want: 'b 1 slot_free',
  },
  { name: 'knows each lane by its own size', now: 10, lanes: [lane('a', 3, 0, 2)], want: 'a 2 full' },
  {
    name: 'waits for more rows until the timeout',
    timeoutMicros: 2500,
    now: 10,
    lanes: [lane('a', 1, 9), lane('b', 7, 8)],
    want: 'until 10.5',
  },
  {
    name: 'ends the wait at the timeout',
    timeoutMicros: 2500,
    now: 11.5,
    lanes: [lane('a', 1, 9)],
    want: 'a 1 timeout',
  },
  { name: 'does not wait with a full batch', timeoutMicros: 2500, now: 10, lanes: [lane('a', 9, 9)], want: 'a 8 full' },
  {
    name: 'lets a full lane pass one that is not due',
    timeoutMicros: 2500,
    now: 10,
    lanes: [lane('a', 1, 8), lane('b', 8, 9)],
    want: 'b 8 full',
  },
  {
    name: 'serves a due lane before a full one whose head is younger',
    timeoutMicros: 2500,
    now: 10,
    lanes: [lane('a', 8, 9), lane('b', 1, 7)],
    want: 'b 1 timeout',
  },
  {
    name: 'does not serve a due lane while no slot is free',
    freeSlots: 0,
    timeoutMicros: 2500,
    now: 100,
    lanes: [lane('a', 1, 0)],
    want: 'idle',
  },
];

function show(decision: Decision<NamedLane>): string {
  switch (decision.kind) {
    case 'run':
      return `${decision.lane.name} ${decision.rows} ${decision.reason}`;
    case 'waitUntil':
      return `until ${decision.at}`;
    case 'idle':
      return 'idle';
    default:
      return decision.kind;
  }
}

describe('GreedyPolicy', () => {
  for (const { name, freeSlots = 1, timeoutMicros = 0, now, lanes, want } of CASES) {
    it(name, () => {
      const policy = new GreedyPolicy(timeoutMicros);
      assert.equal(show(policy.decide({ freeSlots, lanes }, now)), want);
      assert.equal(show(policy.decide({ freeSlots, lanes: [...lanes].reverse() }, now)), want, 'whatever the order');
    });
  }
});
