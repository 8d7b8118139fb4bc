/** Several schedulers on shared slots under random events: who gets a slot may be anybody, but the books must balance. */
import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { clientLeft } from '../../src/core/cancel.ts';
import { ServingError } from '../../src/core/errors.ts';
import { Priority, type PriorityClass } from '../../src/core/priority.ts';
import { CoreSlots } from '../../src/scheduler/cores/core-slots.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SchedulerHarness, type Submitted, settle, taskContext } from '../support/scheduler-harness.ts';

const RUNS = Number(process.env['PILLION_PROPERTY_RUNS'] ?? 150);
const MODELS = 3;

interface Event {
  readonly kind: 'submit' | 'complete' | 'fail' | 'cancel' | 'advance' | 'turn';
  readonly model: number;
  readonly which: number;
  readonly rows: number;
  readonly withinMs: number;
  readonly priority: PriorityClass;
}

const kinds = [
  'submit',
  'submit',
  'submit',
  'complete',
  'complete',
  'fail',
  'cancel',
  'advance',
  'turn',
  'turn',
] as const;
const event: fc.Arbitrary<Event> = fc.record({
  kind: fc.constantFrom(...kinds),
  model: fc.nat(MODELS - 1),
  which: fc.nat(1000),
  rows: fc.integer({ min: 1, max: 9 }),
  withinMs: fc.constantFrom(3, 8, 30, 100, Infinity),
  priority: fc.constantFrom(...Object.values(Priority)),
});
const setting = fc.record({
  slots: fc.integer({ min: 1, max: 3 }),
  sloMs: fc.constantFrom(undefined, 5, 20),
  maxQueuedBytes: fc.constantFrom(Infinity, 60),
  isInline: fc.boolean(),
  takesNext: fc.boolean(),
});

interface Setting {
  readonly slots: number;
  readonly sloMs: number | undefined;
  readonly maxQueuedBytes: number;
  readonly isInline: boolean;
  readonly takesNext: boolean;
}

class World {
  readonly clock = new FakeClock();
  readonly coreSlots: CoreSlots;
  readonly harnesses: readonly SchedulerHarness[];
  readonly #submitted: Submitted[] = [];

  constructor(s: Setting) {
    const { clock } = this;
    this.coreSlots = new CoreSlots(s.slots, clock);
    const options = { ...s, clock, coreSlots: this.coreSlots, maxBatchSize: 4, maxEnqueuedBatches: 4 };
    const seeds = [1, 4].map((rows) => ({ signature: 'serving_default', rows, runMs: 2 + rows }));
    this.harnesses = Array.from({ length: MODELS }, (_, i) =>
      i === 0 ? new SchedulerHarness(options) : new SchedulerHarness({ ...options, seeds, weight: i }),
    );
    if (s.isInline) this.harnesses[0]!.executor.become({ isInline: true });
  }

  async apply({ kind, model, which, rows, withinMs, priority }: Event): Promise<void> {
    const harness = this.harnesses[model]!;
    const { active } = harness.executor;
    const run = active[which % Math.max(1, active.length)];
    if (kind === 'submit') {
      const context = taskContext(this.clock, { deadline: this.clock.nowMs() + withinMs, priority });
      this.#submitted.push(harness.submitRows(new Array<number>(rows).fill(1), context));
    } else if (kind === 'complete') run?.complete();
    else if (kind === 'fail') run?.fail(new ServingError('backend_failed', 'told to'));
    else if (kind === 'cancel')
      this.#submitted[which % (this.#submitted.length || 1)]?.context.cancel.cancel(clientLeft('queue'));
    else if (kind === 'advance') this.clock.advance(which % 7);
    else for (const each of this.harnesses) each.turn();
    await settle();
    this.#checkSlots();
  }

  async finish(): Promise<void> {
    const isBusy = ({ scheduler }: SchedulerHarness): boolean => scheduler.runningBatches + scheduler.queuedTasks > 0;
    for (let i = 0; i < 500 && this.harnesses.some(isBusy); i++) {
      for (const harness of this.harnesses) {
        harness.turn();
        for (const run of harness.executor.active) run.complete();
      }
      await settle();
      this.clock.advance(3);
      this.#checkSlots();
    }
    await settle();
    for (const { outcome } of this.#submitted) assert.notEqual(outcome, undefined, 'everything settles');
    for (const { scheduler, executor } of this.harnesses) {
      assert.deepEqual([scheduler.queuedRows, scheduler.queuedTasks, scheduler.runningBatches], [0, 0, 0]);
      assert.equal(executor.loaned.size, 0);
      await scheduler.close();
    }
    assert.deepEqual([this.coreSlots.free, this.coreSlots.queuedBytes], [this.coreSlots.total, 0]);
    assert.equal(this.clock.armed, 0, 'no timer is left');
  }

  #checkSlots(): void {
    let running = 0;
    let ahead = 0;
    for (const { executor } of this.harnesses) {
      if ('isInline' in executor) continue;
      running += executor.active.length;
      ahead += executor.ahead.length;
    }
    assert.ok(running <= this.coreSlots.total, 'never more batches than slots');
    assert.equal(this.coreSlots.free, this.coreSlots.total - running - ahead);
  }
}

describe('Schedulers on shared slots', () => {
  it('settle everything, never run more than there are slots, and leave nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(setting, fc.array(event, { maxLength: 60 }), async (s, events) => {
        const world = new World(s);
        for (const each of events) await world.apply(each);
        await world.finish();
      }),
      { numRuns: RUNS },
    );
  });
});
