/**
 * Refusals that are given again, unread, in random crowds of callers, deadlines, priorities and rows, on a fake clock. At
 * the instant of the refusal, whatever has come to wait since:
 *
 * - What is refused unread, admission refuses too, however many rows it has.
 * - It is refused with an error of a kind that says so.
 *
 * And refusals are given again, in most crowds.
 */
import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Priority, type PriorityClass } from '../../src/core/priority.ts';
import type { Signature } from '../../src/core/signature.ts';
import { type HarnessOptions, rowsOf, SchedulerHarness, settle, taskContext } from '../support/scheduler-harness.ts';

const RUNS = Number(process.env['PILLION_PROPERTY_RUNS'] ?? 300);

/** Rows of one number: of a fixed shape, so that all requests share a lane. */
const SIGNATURE: Signature = {
  inputs: new Map([['x', { dtype: 'float32', shape: [-1, 1], tensorName: 'x' }]]),
  outputs: new Map([['y', { dtype: 'float32', shape: [-1, 1], tensorName: 'y' }]]),
  methodName: 'tensorflow/serving/predict',
  batchAxis: { kind: 'dynamic' },
};

interface Sent {
  readonly caller: string;
  readonly rows: number;
  /** Undefined: none of its own. */
  readonly leftMs: number | undefined;
  readonly priority: PriorityClass;
}

interface Step {
  readonly crowd: readonly Sent[];
  /** At least REFUSAL_MS: later within that, admission may have come to admit what is still refused. */
  readonly pauseMs: number;
  /** How many of the batches that run end then. */
  readonly ends: number;
}

const sent: fc.Arbitrary<Sent> = fc.record({
  caller: fc.constantFrom('ann', 'ann', 'ann', 'bob', 'eve'),
  rows: fc.constantFrom(1, 1, 1, 1, 2, 5, 9),
  leftMs: fc.constantFrom<(number | undefined)[]>(10, 20, 20.4, 21, 30, 30, 30, 31, 60, undefined),
  priority: fc.constantFrom(
    Priority.default,
    Priority.default,
    Priority.default,
    Priority.critical,
    Priority.sheddable,
  ),
});
const step: fc.Arbitrary<Step> = fc.record({
  crowd: fc.array(sent, { minLength: 1, maxLength: 60, size: 'max' }),
  pauseMs: fc.constantFrom(1, 3, 7, 12, 150),
  ends: fc.nat(2),
});
const options: fc.Arbitrary<HarnessOptions> = fc.record({
  slots: fc.integer({ min: 1, max: 3 }),
  maxBatchSize: fc.constantFrom(1, 4, 8),
  maxEnqueuedBatches: fc.constantFrom(2, 5, 1000),
  kind: fc.constantFrom('slack', 'slack', 'slack', 'edf'),
  takesNext: fc.boolean(),
});

/** Sends crowds; whatever can be refused unread is then submitted, too. */
class World {
  readonly h: SchedulerHarness;
  unread = 0;

  constructor(given: HarnessOptions) {
    const seeds = [1, 4, 8].map((size) => ({ signature: 'serving_default', rows: size, runMs: 3 + size / 2 }));
    this.h = new SchedulerHarness({ ...given, seeds, signatures: new Map([['serving_default', SIGNATURE]]) });
  }

  async play({ crowd, pauseMs, ends }: Step): Promise<void> {
    for (const each of crowd) this.#send(each);
    this.h.turn();
    this.h.clock.advance(pauseMs);
    for (const run of this.h.executor.active.slice(0, ends)) run.complete();
    await settle();
    this.h.turn();
  }

  #send({ caller, rows, leftMs, priority }: Sent): void {
    const { clock, scheduler } = this.h;
    const now = clock.nowMs();
    const init = leftMs === undefined ? {} : { deadline: now + leftMs };
    const context = (): ReturnType<typeof taskContext> => taskContext(clock, { ...init, caller, priority });
    const refusal = scheduler.refusalOf('serving_default', context());
    try {
      const answer = scheduler.submit({
        signatureName: 'serving_default',
        inputs: rowsOf(new Array<number>(rows).fill(1)),
        outputs: ['y'],
        context: context(),
      });
      answer.catch(() => undefined);
    } catch (error) {
      const kinds = ['overloaded', 'deadline_exceeded'];
      if (refusal !== undefined) assert.ok(kinds.includes((error as { kind: string }).kind), String(error));
      this.unread += refusal === undefined ? 0 : 1;
      return;
    }
    assert.equal(refusal?.message, undefined, `${rows} rows of ${caller}, ${leftMs} ms: admitted`);
  }
}

function one(caller: string, leftMs?: number): Sent {
  return { caller, rows: 1, leftMs, priority: Priority.default };
}

/**
 * Once the queue stands, seven come to a free slot at once. Bob goes first, and Eve is refused behind him. Ann has more
 * waiting than her share of a full queue: before she is refused Bob starts, and then nobody waits before her.
 */
const STARTED_FOR_ANOTHER: [HarnessOptions, Step[]] = [
  { slots: 1, maxBatchSize: 1, maxEnqueuedBatches: 5, kind: 'slack' },
  [
    { crowd: [one('ann', 10), one('ann', 10)], pauseMs: 1, ends: 0 },
    { crowd: [one('ann', 10)], pauseMs: 12, ends: 0 },
    { crowd: [one('ann', 10)], pauseMs: 12, ends: 0 },
    { crowd: [one('ann', 30), one('ann', 10)], pauseMs: 150, ends: 1 },
    {
      crowd: [
        ...[one('ann'), one('ann', 60), one('ann', 30), one('bob', 10), one('ann', 60)],
        ...[one('eve', 10), one('ann', 20)],
      ],
      pauseMs: 1,
      ends: 0,
    },
  ],
];

describe('Refusals without decoding', () => {
  it('are those that admission gives', async () => {
    let crowds = 0;
    let withUnread = 0;
    await fc.assert(
      fc.asyncProperty(options, fc.array(step, { minLength: 2, maxLength: 12, size: 'max' }), async (given, steps) => {
        const world = new World(given);
        for (const each of steps) await world.play(each);
        crowds += 1;
        if (world.unread > 0) withUnread += 1;
      }),
      { numRuns: RUNS, examples: [STARTED_FOR_ANOTHER] },
    );
    assert.ok(withUnread > crowds / 2, `only in ${withUnread} of ${crowds} crowds`);
  });
});
