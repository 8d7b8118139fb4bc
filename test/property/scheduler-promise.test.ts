/**
 * What admission promises, where predictions hold: runs take exactly what the curve says. Requests come at random, with
 * random deadlines, on random slots; time is a fake clock's and nothing is left out.
 *
 * - No answer is late, whatever comes, with or without a deadline: a batch that starts is in time for all of its members.
 * - Where a run takes the same however many ride in it, and all have the same time, nobody who was taken in is given up:
 *   the batch that it was promised starts no later than was said. (Elsewhere a later request may be due earlier, or make
 *   the batches before it longer than arrivals so far let expect: then some are given up, before they run.)
 */
import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SchedulerHarness, type Submitted, settle, taskContext } from '../support/scheduler-harness.ts';

const RUNS = Number(process.env['PILLION_PROPERTY_RUNS'] ?? 200);
const MAX_BATCH_SIZE = 8;
/** Whatever waits, it is in time. */
const LONG_MS = 10_000;

interface Arrival {
  readonly afterMs: number;
  readonly rows: number;
  readonly withinMs: number;
}

interface Traffic {
  readonly slots: number;
  readonly baseMs: number;
  readonly perRowMs: number;
  readonly arrivals: readonly Arrival[];
}

const gaps = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 3, noNaN: true }), fc.constant(25));

function traffic(perRowMs: fc.Arbitrary<number>, withinMs: fc.Arbitrary<number>): fc.Arbitrary<Traffic> {
  const arrival = fc.record({ afterMs: gaps, rows: fc.integer({ min: 1, max: MAX_BATCH_SIZE }), withinMs });
  const arrivals = fc.array(arrival, { minLength: 1, maxLength: 60 });
  return fc.record({ slots: fc.integer({ min: 1, max: 3 }), baseMs: fc.constantFrom(1, 4, 9), perRowMs, arrivals });
}

/** One row each: a request of several may be cut apart from the rows that it was counted with. */
const alike = fc
  .tuple(traffic(fc.constant(0), fc.constant(0)), fc.integer({ min: 3, max: 60 }))
  .map(([t, withinMs]) => ({ ...t, arrivals: t.arrivals.map((a) => ({ ...a, rows: 1, withinMs })) }));

interface Asked {
  readonly request: Submitted;
  endedAt: number | undefined;
}

class World {
  readonly #harness: SchedulerHarness;
  readonly #traffic: Traffic;
  readonly #asked: Asked[] = [];
  #awakeUntil = 0;

  constructor(given: Traffic) {
    this.#traffic = given;
    const seeds = [1, 2, 4, 8].flatMap((rows) =>
      [1, 2, 3].map(() => ({ signature: 'serving_default', rows, runMs: this.#runMs(rows) })),
    );
    this.#harness = new SchedulerHarness({ slots: given.slots, maxBatchSize: MAX_BATCH_SIZE, seeds });
    const { executor, clock } = this.#harness;
    executor.onRun = ({ size }) => {
      // The run exists only after this returns.
      const index = executor.runs.length;
      clock.setTimer(clock.nowMs() + this.#runMs(size), () => executor.runs[index]!.complete());
    };
  }

  /** Everything that was asked, once it has ended. */
  async play(): Promise<readonly Asked[]> {
    const { clock } = this.#harness;
    for (const arrival of this.#traffic.arrivals) {
      await this.#keepAwake();
      await this.#passUntil(clock.nowMs() + arrival.afterMs);
      await this.#ask(arrival);
    }
    while (clock.nextAt < Infinity) await this.#passUntil(clock.nextAt);
    return this.#asked;
  }

  /** Where nothing has run for 100 ms, one request is tried whatever is expected of it (a probe): not here. */
  async #keepAwake(): Promise<void> {
    const { clock } = this.#harness;
    if (clock.nowMs() < this.#awakeUntil) return;
    await this.#ask({ afterMs: 0, rows: 1, withinMs: LONG_MS });
    await this.#passUntil(clock.nowMs() + this.#runMs(1));
    this.#awakeUntil = clock.nowMs() + 50;
  }

  #runMs(rows: number): number {
    return this.#traffic.baseMs + rows * this.#traffic.perRowMs;
  }

  async #ask({ rows, withinMs }: Arrival): Promise<void> {
    const { clock } = this.#harness;
    const context = taskContext(clock, { deadline: clock.nowMs() + withinMs });
    const request = this.#harness.submitRows(new Array<number>(rows).fill(1), context);
    const asked: Asked = { request, endedAt: undefined };
    this.#asked.push(asked);
    request.settled.then(
      () => {
        asked.endedAt = clock.nowMs();
      },
      () => undefined,
    );
    await this.#endTurn();
  }

  async #passUntil(at: number): Promise<void> {
    const { clock } = this.#harness;
    for (;;) {
      const next = Math.min(at, clock.nextAt);
      clock.advance(Math.max(0, next - clock.nowMs()));
      await this.#endTurn();
      if (next >= at) return;
    }
  }

  async #endTurn(): Promise<void> {
    await settle();
    this.#harness.turn();
    await settle();
  }
}

function reasonOf({ request }: Asked): string {
  return String(request.outcome?.error?.attributes?.['reason'] ?? request.outcome?.error?.kind ?? 'answered');
}

describe('A scheduler whose predictions hold', () => {
  it('answers nobody late, whatever comes', async () => {
    const within = fc.oneof(
      { weight: 3, arbitrary: fc.double({ min: 1, max: 80, noNaN: true }) },
      fc.constant(Infinity),
    );
    const anything = traffic(fc.constantFrom(0, 0.5, 2), within);
    await fc.assert(
      fc.asyncProperty(anything, async (given) => {
        for (const { request, endedAt } of await new World(given).play()) {
          assert.notEqual(endedAt, undefined, 'everything settles');
          if (request.outcome?.error === undefined)
            assert.ok(endedAt! <= request.context.deadline, 'an answer is late');
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('gives up nobody whom it has taken in, where all have the same time and runs the same length', async () => {
    await fc.assert(
      fc.asyncProperty(alike, async (given) => {
        const reasons = (await new World(given).play()).map(reasonOf);
        const isKept = (reason: string): boolean =>
          ['answered', 'predicted_late', 'deadline_too_short'].includes(reason);
        assert.ok(reasons.every(isKept), reasons.join(' '));
      }),
      { numRuns: RUNS },
    );
  });
});
