/** When a refusal is given again without admission, and when not; on a fake clock. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError, type SharedError } from '../../../src/core/errors.ts';
import { Priority } from '../../../src/core/priority.ts';
import type { Signature } from '../../../src/core/signature.ts';
import { CoreSlots } from '../../../src/scheduler/cores/core-slots.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import {
  type ContextInit,
  type HarnessOptions,
  rowsOf,
  SchedulerHarness,
  settle,
  taskContext,
} from '../../support/scheduler-harness.ts';

const NAME = 'serving_default';
const SIGNATURE: Signature = {
  inputs: new Map([['x', { dtype: 'float32', shape: [-1, 1], tensorName: 'x' }]]),
  outputs: new Map(['y', 'z'].map((name) => [name, { dtype: 'float32', shape: [-1, 1], tensorName: name }])),
  methodName: 'tensorflow/serving/predict',
  batchAxis: { kind: 'dynamic' },
};

/** One slot; a run takes 10 ms, whatever its size. */
class Crowd {
  readonly clock = new FakeClock();
  readonly slots = new CoreSlots(1, this.clock);
  readonly h: SchedulerHarness;

  constructor(options: HarnessOptions = {}) {
    this.h = new SchedulerHarness({
      clock: this.clock,
      coreSlots: this.slots,
      seeds: [1, 2, 4].map((rows) => ({ signature: NAME, rows, runMs: 10 })),
      signatures: new Map([[NAME, SIGNATURE]]),
      ...options,
    });
  }

  submit(init: ContextInit, rows = 1, outputs: readonly string[] = ['y', 'z']): string {
    try {
      const inputs = rowsOf(new Array<number>(rows).fill(1));
      const context = taskContext(this.clock, init);
      this.h.scheduler.submit({ signatureName: NAME, inputs, outputs, context }).catch(() => undefined);
      return 'admitted';
    } catch (error) {
      return String((error as ServingError).attributes?.['reason']);
    }
  }

  /** A run, and as many requests of Ann behind it as may wait; the last one was refused. */
  fill(init: ContextInit = {}, rows = 1, outputs?: readonly string[]): void {
    this.submit(this.due(30, init), rows, outputs);
    this.h.turn();
    for (let i = 0; i < 100; i++) if (this.submit(this.due(30, init), rows, outputs) !== 'admitted') return;
    assert.fail('nothing is refused');
  }

  due(leftMs: number, init: ContextInit = {}): ContextInit {
    return { caller: 'ann', deadline: this.clock.nowMs() + leftMs, ...init };
  }

  refusalOf(init: ContextInit): SharedError | undefined {
    return this.h.scheduler.refusalOf(NAME, taskContext(this.clock, init));
  }

  reasonFor(init: ContextInit): string | undefined {
    const reason = this.refusalOf(init)?.attributes?.['reason'];
    return reason === undefined ? undefined : String(reason);
  }
}

describe('A refusal as standing_queue', () => {
  async function endRun({ h, clock }: Crowd): Promise<void> {
    h.turn();
    clock.advance(10);
    h.executor.active[0]?.complete();
    await settle();
  }

  function overfill(crowd: Crowd, leftMs: number): void {
    for (let row = 0; row < 8; row++) if (crowd.submit(crowd.due(leftMs)) === 'standing_queue') return;
    assert.fail('the queue does not stand');
  }

  /** Twice as many rows as run, until the queue stands for requests that have so much time. */
  async function standing(leftMs = 60, options: HarnessOptions = {}): Promise<Crowd> {
    const crowd = new Crowd(options);
    for (let i = 0; i < 40; i++) {
      for (let row = 0; row < 8; row++) crowd.submit(crowd.due(leftMs));
      await endRun(crowd);
    }
    overfill(crowd, leftMs);
    return crowd;
  }

  it('is given again to all that are due no earlier and have less time than it stands', async () => {
    const crowd = await standing();
    assert.equal(crowd.reasonFor(crowd.due(60)), 'standing_queue');
    assert.equal(crowd.reasonFor(crowd.due(70)), 'standing_queue');
    assert.equal(crowd.reasonFor(crowd.due(59)), undefined, 'it may go before what waits');
    assert.equal(crowd.reasonFor(crowd.due(500)), undefined, 'for one that has more time it is a burst');
    assert.equal(crowd.reasonFor({ caller: 'ann' }), undefined, 'no deadline');
  });

  it('is not for a caller within its fair share', async () => {
    const crowd = await standing();
    assert.equal(crowd.reasonFor(crowd.due(60, { caller: 'bob' })), undefined);
    assert.equal(crowd.submit(crowd.due(60, { caller: 'bob' })), 'admitted');
  });

  it('is not while what waits may start, which makes room for larger requests', async () => {
    // A free slot, and a worker that gets its next batch 2 ms before its run ends.
    for (const takesNext of [false, true]) {
      const crowd = await standing(120, { maxEnqueuedBatches: 2, takesNext });
      while (crowd.h.executor.active.length > 0) await endRun(crowd);
      assert.equal(crowd.h.scheduler.queuedTasks, 0);
      if (takesNext) {
        crowd.submit(crowd.due(120));
        crowd.h.turn();
        crowd.clock.advance(8.5);
      }
      overfill(crowd, 120);
      assert.equal(crowd.reasonFor(crowd.due(120)), undefined);
      // With three rows more than may wait a batch starts, and behind the others there is room.
      assert.equal(crowd.submit(crowd.due(120), 3), 'admitted');
      crowd.h.turn();
      overfill(crowd, 120);
      assert.equal(crowd.reasonFor(crowd.due(120)), 'standing_queue', 'nothing may start');
    }
  });
});

describe('A refusal as predicted_late', () => {
  it('is given again to the same caller and deadline, for a millisecond', () => {
    const crowd = new Crowd();
    crowd.fill();
    const init = crowd.due(30);
    const again = crowd.refusalOf(init);
    assert.ok(again instanceof ServingError);
    assert.equal(again.kind, 'overloaded');
    assert.match(again.message, /^the answer is expected \d+ ms after the request's deadline; retry after \d+ ms/);
    crowd.clock.advance(0.9);
    assert.equal(crowd.refusalOf(init), again, 'the same error, which is encoded once');
    crowd.clock.advance(0.1);
    assert.equal(crowd.refusalOf(init), undefined);
  });

  it('is not for an earlier deadline, which may go before what waits, nor for one that is later by more than a millisecond', () => {
    const crowd = new Crowd();
    crowd.fill();
    assert.equal(crowd.reasonFor(crowd.due(29.9)), undefined);
    assert.equal(crowd.reasonFor(crowd.due(30.1)), 'predicted_late');
    assert.equal(crowd.reasonFor(crowd.due(31.1)), undefined);
    assert.equal(crowd.reasonFor({ caller: 'ann' }), undefined, 'no deadline');
    assert.equal(crowd.reasonFor(crowd.due(30, { hasOwnDeadline: false })), undefined, "the server's own cap");
  });

  it('is over when a batch ends, a task leaves or one comes', async () => {
    for (const change of ['end', 'leave', 'come'] as const) {
      const crowd = new Crowd();
      const waits = taskContext(crowd.clock, crowd.due(30));
      crowd.submit(crowd.due(30));
      crowd.h.turn();
      crowd.h.submitRows([1], waits);
      crowd.fill();
      assert.equal(crowd.reasonFor(crowd.due(30)), 'predicted_late');
      if (change === 'come') assert.equal(crowd.submit({ caller: 'ann' }), 'admitted');
      if (change === 'end') crowd.h.executor.active[0]!.complete();
      if (change === 'leave') waits.cancel.cancel(new ServingError('cancelled', 'gone'));
      await settle();
      assert.equal(crowd.reasonFor(crowd.due(30)), undefined, change);
    }
  });

  it('is not for a caller that was not refused itself, nor for one that goes first beside the crowd', () => {
    const crowd = new Crowd();
    crowd.fill({ deadline: crowd.clock.nowMs() + 60 });
    assert.equal(crowd.reasonFor(crowd.due(60)), 'predicted_late');
    assert.equal(crowd.reasonFor(crowd.due(60, { caller: 'bob' })), undefined);
    // Bob is refused for so short a deadline, and then known; but he is sparse beside Ann.
    assert.notEqual(crowd.submit(crowd.due(9, { caller: 'bob' })), 'admitted');
    assert.equal(crowd.submit(crowd.due(60)), 'predicted_late');
    assert.equal(crowd.reasonFor(crowd.due(60)), 'predicted_late');
    assert.equal(crowd.reasonFor(crowd.due(60, { caller: 'bob' })), undefined);
    assert.equal(crowd.submit(crowd.due(60, { caller: 'bob' })), 'admitted');
  });

  it('is not for a request that could evict another', () => {
    const crowd = new Crowd();
    crowd.submit(crowd.due(30));
    crowd.h.turn();
    assert.equal(crowd.submit({ caller: 'ann', priority: Priority.sheddable }), 'admitted');
    crowd.fill({ priority: Priority.sheddable });
    assert.equal(crowd.reasonFor(crowd.due(30)), undefined);
    assert.equal(crowd.reasonFor(crowd.due(30, { priority: Priority.sheddable })), 'predicted_late');
  });

  it('is not for a probe', () => {
    const crowd = new Crowd();
    crowd.fill();
    // As long as ten runs after the last one, a request is admitted whatever its forecast says.
    crowd.clock.advance(99.5);
    const reasons = [crowd.submit(crowd.due(30)), crowd.submit(crowd.due(30))];
    crowd.clock.advance(0.6);
    const init = crowd.due(29.5);
    assert.equal(crowd.reasonFor(init), undefined, `${reasons}`);
    assert.equal(crowd.submit(init), 'admitted');
  });

  it('of several rows, or for some of the outputs, is not given again', () => {
    for (const [rows, outputs] of [
      [3, undefined],
      [1, ['y']],
    ] as const) {
      const crowd = new Crowd();
      crowd.fill({}, rows, outputs);
      assert.equal(crowd.reasonFor(crowd.due(30)), undefined);
    }
  });

  it('spreads the delays to retry after', () => {
    let turn = 0;
    const crowd = new Crowd({ random: () => (turn++ % 10) / 10 });
    crowd.fill();
    crowd.clock.advance(1);
    // Far too late: a fifth of the delay is several milliseconds.
    const busy = crowd.due(30);
    for (let i = 0; i < 40; i++) crowd.submit({ caller: 'ann', hasOwnDeadline: false, deadline: busy.deadline! - 1 });
    assert.equal(crowd.submit(busy), 'predicted_late');
    const errors = new Set<SharedError>();
    for (let i = 0; i < 100; i++) errors.add(crowd.refusalOf(busy)!);
    assert.ok(errors.size >= 3 && errors.size <= 10, `${errors.size} errors`);
    const delays = new Set([...errors].map(({ retryAfterMs }) => retryAfterMs));
    assert.equal(delays.size, errors.size, 'none is made twice');
    for (const { message, retryAfterMs } of errors) assert.ok(message.includes(`retry after ${retryAfterMs} ms`));
  });

  it('counts as a request of its caller, and as an arrival', () => {
    const crowd = new Crowd();
    crowd.fill();
    const use = crowd.slots.callers.top(1, crowd.clock.nowMs())[0]!;
    const before = use.requests;
    for (let i = 0; i < 5; i++) crowd.refusalOf(crowd.due(30));
    assert.equal(use.requests, before + 5);
    const other = crowd.slots.callers.onRequest('bob', crowd.clock.nowMs());
    assert.ok(crowd.slots.callers.wasOtherRefused(other, crowd.clock.nowMs()));
  });
});

describe('A refusal for a full queue', () => {
  const full = (): Crowd => new Crowd({ maxBatchSize: 2, maxEnqueuedBatches: 3, kind: 'edf' });

  it('is given again, with any deadline, to a caller beyond its share', () => {
    const crowd = full();
    crowd.fill();
    for (const init of [crowd.due(30), crowd.due(5), { caller: 'ann' }]) {
      const error = crowd.refusalOf(init);
      assert.match(error!.message, /^6 rows of signature "serving_default" wait; 1 more would pass the limit of 6/);
      assert.equal(crowd.submit(init), 'queue_full');
    }
    assert.equal(crowd.reasonFor({ caller: 'bob' }), undefined);
    assert.equal(crowd.submit({ caller: 'bob' }), 'admitted');
  });
});

describe('Nothing is refused again', () => {
  it('while refusals depend on the use of the cores', () => {
    const crowd = new Crowd({ callerCoreShare: 0.99 });
    crowd.fill();
    assert.equal(crowd.reasonFor(crowd.due(30)), undefined);
  });

  it('by a version that is unloaded, or of a request that is over', () => {
    const crowd = new Crowd();
    crowd.fill();
    const left = taskContext(crowd.clock, crowd.due(30));
    left.cancel.cancel(new ServingError('cancelled', 'gone'));
    assert.equal(crowd.h.scheduler.refusalOf(NAME, left), undefined);
    assert.equal(crowd.h.scheduler.refusalOf('other', taskContext(crowd.clock, crowd.due(30))), undefined);
    void crowd.h.scheduler.close();
    assert.equal(crowd.reasonFor(crowd.due(30)), undefined);
  });
});
