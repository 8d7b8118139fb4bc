/** Tests requests of many texts on a scheduler whose runs take 10 ms and 1 ms a row, four rows at a time, on a fake clock. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ServingError } from '../../../src/core/errors.ts';
import { elements, type NumericTensor, type TensorMap } from '../../../src/core/tensor.ts';
import { type Part, runParts } from '../../../src/features/text/run/part-runs.ts';
import type { ServableRunner } from '../../../src/models/serving/servable.ts';
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

const SEEDS = [1, 2, 4].map((rows) => ({ signature: 'serving_default', rows, runMs: 10 + rows }));
const PART_MS = 14;

/** A request of texts, each with its index as its number, and what became of it. */
class Sent {
  readonly taken = new Map<number, number>();
  outcome: 'answered' | ServingError | undefined;
  endedAt = 0;
  readonly deadline: number;

  constructor(deadline: number) {
    this.deadline = deadline;
  }
}

class World {
  readonly h: SchedulerHarness;
  readonly slots: CoreSlots;
  runs = 0;
  readonly #sent: Sent[] = [];

  constructor(options: HarnessOptions = {}) {
    const clock = new FakeClock();
    this.slots = new CoreSlots(1, clock);
    this.h = new SchedulerHarness({ seeds: SEEDS, clock, coreSlots: this.slots, ...options });
  }

  get runner(): ServableRunner {
    const { scheduler } = this.h;
    return {
      submit: (request) => scheduler.submit(request),
      admit: (request) => scheduler.admit(request),
      close: () => scheduler.close(),
      ...{ queuedRows: 0, queuedTasks: 0, runningBatches: 0 },
    };
  }

  /** `rows` texts, `each` of one length. */
  send(rows: number, init: ContextInit = {}, each = 4): Sent {
    const { clock } = this.h;
    const sent = new Sent(init.deadline ?? Infinity);
    this.#sent.push(sent);
    const parts: Part[] = [];
    for (let from = 0; from < rows; from += each) {
      const some = Array.from({ length: Math.min(each, rows - from) }, (_, i) => from + i);
      parts.push({ rows: some, length: 1, inputs: rowsOf(some) });
    }
    const take = (part: Part, outputs: TensorMap): void => {
      const values = elements(outputs.get('y') as NumericTensor);
      for (const [i, row] of part.rows.entries()) sent.taken.set(row, Number(values[i]));
    };
    const end = (outcome: Sent['outcome']): void => {
      sent.outcome = outcome;
      sent.endedAt = clock.nowMs();
    };
    const options = { inner: this.runner, signatureName: 'serving_default', outputs: ['y'], clock, take };
    const context = taskContext(clock, init);
    runParts(parts, context, { ...options, mostTokens: 8 }).then(() => end('answered'), end);
    return sent;
  }

  /** Ends runs, each as long as it should take, until nothing runs. */
  async runAll(): Promise<void> {
    for (;;) {
      await settle();
      this.h.turn();
      const [run] = this.h.executor.active;
      if (run === undefined) {
        if (this.#sent.every(({ outcome }) => outcome !== undefined)) return;
        this.h.clock.advance(10);
        continue;
      }
      this.runs += 1;
      this.h.clock.advance(10 + run.batch.inputs.get('x')!.shape[0]!);
      run.complete();
    }
  }

  /** The rows that callers have waiting, and will have. */
  get held(): number {
    const now = this.h.clock.nowMs();
    return this.slots.callers.top(100, now).reduce((sum, { waitingRows }) => sum + waitingRows, 0);
  }
}

describe('A request of many texts', () => {
  it('is refused before any of it runs, where it cannot end in time', async () => {
    const world = new World();
    const { clock } = world.h;
    // The first run is a probe otherwise.
    world.send(1);
    await world.runAll();
    const before = world.runs;
    const sent = world.send(100, { deadline: clock.nowMs() + 25 * PART_MS - 20 });
    await settle();
    assert.equal((sent.outcome as ServingError).kind, 'deadline_exceeded');
    await world.runAll();
    assert.equal(world.runs, before);
    assert.equal(world.held, 0);
  });

  it('is answered whole where it can, and its parts wait for room in a queue that is full', async () => {
    const world = new World({ maxEnqueuedBatches: 1 });
    const sent = world.send(100, { deadline: world.h.clock.nowMs() + 100_000, caller: 'big' });
    const others = Array.from({ length: 10 }, (_, i) => world.send(1, { caller: `other ${i}` }));
    await world.runAll();
    assert.equal(sent.outcome, 'answered');
    assert.deepEqual(
      [...sent.taken],
      Array.from({ length: 100 }, (_, i) => [i, i]),
    );
    assert.ok(others.some(({ outcome }) => outcome === 'answered'));
    assert.equal(world.held, 0);
  });

  it('whose parts find no room asks again when its time has come, and not before', async () => {
    const clock = new FakeClock();
    let asked = 0;
    const inner: ServableRunner = {
      submit: ({ inputs }) => {
        asked += 1;
        if (asked <= 3) throw new ServingError('overloaded', 'full', { attributes: { reason: 'queue_full' } });
        return Promise.resolve(new Map([['y', inputs.get('x')!]]));
      },
      admit: () => ({ onQueued: () => undefined, release: () => undefined }),
      close: () => Promise.resolve(),
      ...{ queuedRows: 0, queuedTasks: 0, runningBatches: 0 },
    };
    const parts = [0, 1].map((i) => ({ rows: [i], length: 1, inputs: rowsOf([i]) }));
    const options = { inner, signatureName: 'serving_default', outputs: ['y'], clock, mostTokens: 8 };
    const answer = runParts(parts, taskContext(clock, {}), { ...options, take: () => undefined });
    await settle();
    assert.equal(asked, 1);
    for (const wanted of [2, 3, 5]) {
      clock.advance(100);
      await settle();
      assert.equal(asked, wanted);
    }
    await answer;
  });

  it('is not what others wait for, also where their deadlines are later', async () => {
    const world = new World();
    const { clock } = world.h;
    const big = world.send(1000, { caller: 'big', deadline: clock.nowMs() + 30_000 });
    const small = world.send(1, { caller: 'small', deadline: clock.nowMs() + 60_000 });
    await world.runAll();
    assert.deepEqual([big.outcome, small.outcome], ['answered', 'answered']);
    // The run that goes on, one that was chosen already, and its own.
    assert.ok(small.endedAt - 1000 < 4 * PART_MS, `${small.endedAt}`);
  });

  it('that is cancelled leaves nothing behind', async () => {
    const world = new World();
    const context = taskContext(world.h.clock, { caller: 'big' });
    const parts = Array.from({ length: 50 }, (_, i) => ({ rows: [i], length: 1, inputs: rowsOf([i]) }));
    const options = { inner: world.runner, signatureName: 'serving_default', outputs: ['y'], clock: world.h.clock };
    const answer = runParts(parts, context, { ...options, mostTokens: 8, take: () => undefined });
    assert.equal(world.held, 50);
    context.cancel.cancel(new ServingError('cancelled', 'the client has left'));
    await assert.rejects(answer);
    assert.equal(world.held, 0);
  });

  it('is in time once it is admitted, if no others come that go before it', async () => {
    const request = fc.record({
      rows: fc.integer({ min: 1, max: 120 }),
      each: fc.constantFrom(1, 3, 4),
      slackMs: fc.nat(3000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 6 }), async (requests) => {
        // One size alone: no run is a trial of another.
        const world = new World({
          allowedBatchSizes: [4],
          seeds: [{ signature: 'serving_default', rows: 4, runMs: PART_MS }],
        });
        const { clock } = world.h;
        world.send(1);
        await world.runAll();
        const start = clock.nowMs();
        // Each is due after those before it, so that none overtakes.
        let due = start;
        const sent = requests.map(({ rows, each, slackMs }) => {
          due += slackMs;
          return world.send(rows, { deadline: due + 1 }, each);
        });
        await world.runAll();
        let rows = 0;
        for (const [i, { outcome, endedAt, deadline, taken }] of sent.entries()) {
          rows += requests[i]!.rows;
          // The policy wants a little more time for a run than its mean.
          const isEdge = deadline - start < PART_MS * Math.ceil(rows / 4) + 5;
          if (outcome === 'answered') assert.ok(endedAt <= deadline, `${endedAt} > ${deadline}`);
          else if (!isEdge) assert.equal(taken.size, 0, 'half of it ran');
        }
        assert.equal(world.held, 0);
      }),
    );
  });
});
