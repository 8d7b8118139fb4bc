/**
 * A circuit breaker against what is promised of it, whatever order batches begin and end in:
 *
 * - Only the end of a batch that was begun in the present state changes that state.
 * - Closed, it opens with a failure, if enough of them lie within the window and they are half of the batches since the
 *   first. Buckets leave open which of the oldest tenth of the window still count.
 * - Open, it lets nothing through until its time is over, and then one batch at a time, until one says how the backend is.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type BatchVerdict, Breaker, type BreakerState } from '../../src/models/serving/breaker.ts';
import { FakeClock } from '../support/fake-clock.ts';

const OPTIONS = { failures: 3, windowMs: 1000, resetMs: 200, what: 'm' };

type Step =
  | { readonly kind: 'begin' }
  | { readonly kind: 'end'; readonly which: number; readonly verdict: BatchVerdict }
  | { readonly kind: 'wait'; readonly ms: number };

const verdict = fc.constantFrom<BatchVerdict>('failed', 'failed', 'alive', 'unknown');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'begin' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('end' as const), which: fc.nat(5), verdict }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 40, 200, 901, 1001) }),
  },
);

interface Outcome {
  readonly at: number;
  readonly hasFailed: boolean;
}

interface Run {
  readonly token: NonNullable<ReturnType<Breaker['begin']>>;
  /** How often the breaker had changed when it began. */
  readonly era: number;
}

class World {
  readonly #clock = new FakeClock();
  readonly #running: Run[] = [];
  readonly #breaker = new Breaker({ ...OPTIONS, clock: this.#clock, onChange: (state) => this.#change(state) });
  /** Of this era. */
  #outcomes: Outcome[] = [];
  #changedAt = 0;
  #told: BreakerState = 'closed';
  #era = 0;

  do(step: Step): void {
    if (step.kind === 'wait') this.#clock.advance(step.ms);
    else if (step.kind === 'begin') this.#begin();
    else if (this.#running.length > 0) this.#end(step.which % this.#running.length, step.verdict);
  }

  #change(state: BreakerState): void {
    assert.notEqual(state, this.#told, 'a change to the same state');
    this.#told = state;
    this.#era += 1;
    this.#outcomes = [];
    this.#changedAt = this.#clock.nowMs();
  }

  #begin(): void {
    const before = this.#breaker.state;
    const isOver = this.#clock.nowMs() >= this.#changedAt + OPTIONS.resetMs;
    const isTried = this.#running.some(({ era }) => era === this.#era);
    const mayRun = before === 'closed' || (before === 'open' ? isOver : !isTried);
    assert.equal(this.#breaker.isRefusing, !mayRun, before);
    const token = this.#breaker.begin();
    assert.equal(token !== undefined, mayRun, before);
    assert.equal(this.#breaker.state, before === 'open' && mayRun ? 'half_open' : before);
    if (token !== undefined) this.#running.push({ token, era: this.#era });
  }

  #end(which: number, verdict: BatchVerdict): void {
    const [{ token, era }] = this.#running.splice(which, 1) as [Run];
    const before = this.#breaker.state;
    const isOfNow = era === this.#era;
    const outcomes = [...this.#outcomes];
    if (isOfNow && verdict !== 'unknown') outcomes.push({ at: this.#clock.nowMs(), hasFailed: verdict === 'failed' });
    this.#outcomes = outcomes;
    this.#breaker.settle(token, verdict, 'it threw');
    const after = this.#breaker.state;
    assert.equal(after, this.#told);
    if (!isOfNow || verdict === 'unknown') assert.equal(after, before);
    else if (before === 'half_open') assert.equal(after, verdict === 'alive' ? 'closed' : 'open');
    else if (verdict === 'alive') assert.equal(after, 'closed');
    else this.#checkThreshold(outcomes, after);
  }

  #checkThreshold(outcomes: readonly Outcome[], after: BreakerState): void {
    const [all, sure] = [1, 0.9].map((share) => this.#tally(outcomes, share * OPTIONS.windowMs)) as [Tally, Tally];
    if (after === 'open') assert.ok(all.failures >= Math.max(OPTIONS.failures, sure.others), 'it opened too early');
    else assert.ok(sure.failures < Math.max(OPTIONS.failures, all.others), 'it should have opened');
  }

  #tally(outcomes: readonly Outcome[], withinMs: number): Tally {
    const within = outcomes.filter(({ at }) => this.#clock.nowMs() - at <= withinMs);
    const sinceFirst = within.slice(within.findIndex(({ hasFailed }) => hasFailed));
    const failures = sinceFirst.filter(({ hasFailed }) => hasFailed).length;
    // Successes between a failure that has left the window and its present first one may count.
    const others = withinMs < OPTIONS.windowMs ? sinceFirst : within;
    return { failures, others: others.filter(({ hasFailed }) => !hasFailed).length };
  }
}

interface Tally {
  readonly failures: number;
  readonly others: number;
}

test('a breaker goes over to another state when it is promised to, and never by what began before', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const world = new World();
      for (const each of steps) world.do(each);
    }),
    { numRuns: 500 },
  );
});
