/**
 * Callers under random mixes of good and bad requests, on a fake clock. The runtime fails every run that holds a bad
 * value, and its error has the bad values of that run in its words.
 *
 * - Each good request is answered, with its own values, unless its own caller's bad ones have cost too much.
 * - Each bad request fails with an error about its own value and no other.
 * - A caller shares no batch with others for a second after it was blamed.
 * - A failed batch of n costs less than 2n runs of its parts, and there are no more known good runs than failures.
 */
import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ServingError } from '../../src/core/errors.ts';
import type { Batch } from '../../src/core/executor.ts';
import type { RunningBatch } from '../../src/scheduler/batch/running-batch.ts';
import { floats, SchedulerHarness, type Submitted, settle, taskContext } from '../support/scheduler-harness.ts';

const RUNS = Number(process.env['PILLION_PROPERTY_RUNS'] ?? 150);
/** Values above it are bad. */
const BAD = 1_000_000;

interface Request {
  readonly caller: string;
  readonly rows: number;
  readonly isBad: boolean;
}

interface Round {
  readonly requests: readonly Request[];
  readonly pauseMs: number;
}

const request: fc.Arbitrary<Request> = fc
  .record({
    caller: fc.constantFrom('ann', 'bob', 'eve', 'mal'),
    rows: fc.integer({ min: 1, max: 3 }),
    isBad: fc.boolean(),
  })
  // Ann is never at fault, and Bob seldom.
  .map((r) => ({ ...r, isBad: r.isBad && r.caller !== 'ann' && (r.caller !== 'bob' || r.rows === 3) }));
const round = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 24, size: 'max' }),
  pauseMs: fc.constantFrom(0, 1, 60, 400, 1500),
});
const rounds = fc.array(round, { minLength: 2, maxLength: 10, size: 'max' });

interface Known extends Request {
  readonly sent: Submitted;
  readonly values: readonly number[];
}

class World {
  readonly h: SchedulerHarness;
  readonly #known: Known[] = [];
  readonly #owners = new Map<number, Known>();
  readonly #blamedAt = new Map<string, number>();
  #nextValue = 1;
  trials = 0;

  constructor(slots: number) {
    this.h = new SchedulerHarness({ slots, maxBatchSize: 8, maxEnqueuedBatches: 1000 });
    this.h.executor.onRun = (batch) => this.#checkRun(batch);
  }

  async play({ requests, pauseMs }: Round): Promise<void> {
    for (const each of requests) this.#send(each);
    this.h.turn();
    const { scheduler, executor, clock } = this.h;
    while (scheduler.queuedTasks + scheduler.runningBatches > 0) {
      assert.ok(executor.active.length > 0 || clock.nextAt < Infinity, 'nothing waits for ever');
      clock.advance(executor.active.length > 0 ? 3 : clock.nextAt - clock.nowMs());
      for (const run of executor.active) {
        const bad = valuesIn(run.batch).filter((value) => value > BAD);
        if (bad.length === 0) run.complete();
        else run.fail(new ServingError('backend_failed', `cannot take ${bad}`));
      }
      await settle();
    }
    clock.advance(pauseMs);
  }

  checkEnd(): void {
    for (const known of this.#known) this.#checkOutcome(known);
    const { batches, executor, clock } = this.h;
    const again = batches.filter(({ reason }) => reason === 'isolation').length - this.trials;
    let most = 0;
    for (const { reason, isolation, tasks } of batches) {
      if (reason !== 'isolation' && isolation === 'run_again') most += 2 * tasks - 2;
    }
    assert.ok(again <= most, `${again} runs again, of at most ${most}`);
    const failed = batches.filter(({ outcome }) => outcome !== 'ok').length;
    assert.ok(this.trials <= failed, `${this.trials} known good runs for ${failed} failures`);
    assert.equal(batches.length, executor.runs.length, 'one record a run');
    assert.equal(executor.loaned.size, 0);
    assert.equal(clock.armed, 0);
  }

  #send(given: Request): void {
    const { clock } = this.h;
    const values = Array.from({ length: given.rows }, () => this.#nextValue++);
    if (given.isBad) values[0]! += BAD;
    const sent = this.h.submitRows(values, taskContext(clock, { caller: given.caller }));
    const known: Known = { ...given, sent, values };
    this.#known.push(known);
    for (const value of values) this.#owners.set(value, known);
    sent.settled.then(
      ({ error }) => {
        if (error?.kind === 'invalid_request') this.#blamedAt.set(given.caller, clock.nowMs());
      },
      () => undefined,
    );
  }

  #checkRun(batch: Batch): void {
    const { lane, isRerun } = batch.origin as RunningBatch;
    if (lane.isolation?.isTrial === true) {
      this.trials += 1;
      return;
    }
    const callers = new Set(valuesIn(batch).map((value) => this.#owners.get(value)!.caller));
    if (isRerun || callers.size === 1) return;
    for (const caller of callers) {
      const sinceMs = this.h.clock.nowMs() - (this.#blamedAt.get(caller) ?? -Infinity);
      assert.ok(sinceMs >= 1000, `${caller} shares a batch ${sinceMs} ms after it was blamed`);
    }
  }

  #checkOutcome({ sent: { outcome }, values, caller, isBad }: Known): void {
    assert.notEqual(outcome, undefined, 'every request settles');
    const { outputs, error } = outcome!;
    if (error?.kind === 'overloaded') {
      assert.equal(error.attributes?.['reason'], 'caller_budget');
      assert.ok(this.#blamedAt.has(caller), 'only a quarantined caller is refused');
      return;
    }
    if (!isBad) {
      assert.equal(error, undefined, error?.message);
      assert.deepEqual(floats(outputs!.get('y')), values);
      return;
    }
    assert.equal(error?.kind, 'invalid_request');
    assert.ok(error.message.endsWith(`cannot take ${values[0]}`), error.message);
  }
}

function valuesIn({ inputs }: Batch): number[] {
  return floats(inputs.get('x'));
}

describe('Callers of good and bad values', () => {
  it('each get what is theirs, whatever the mix', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), rounds, async (slots, all) => {
        const world = new World(slots);
        for (const each of all) await world.play(each);
        world.checkEnd();
        await world.h.scheduler.close();
      }),
      { numRuns: RUNS },
    );
  });
});
