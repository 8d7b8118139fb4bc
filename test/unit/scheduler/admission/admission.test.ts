/** Tests admission through a scheduler whose model takes 10 ms and 1 ms a row. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Priority, type PriorityClass } from '../../../../src/core/priority.ts';
import { CoreSlots } from '../../../../src/scheduler/cores/core-slots.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import {
  type HarnessOptions,
  rowsOf,
  SchedulerHarness,
  settle,
  taskContext,
} from '../../../support/scheduler-harness.ts';

const SEEDS = [1, 2, 4].map((rows) => ({ signature: 'serving_default', rows, runMs: 10 + rows }));

function harness(options: HarnessOptions = {}): SchedulerHarness {
  const h = new SchedulerHarness({ seeds: SEEDS, ...options });
  // A run was just seen: nothing is a probe.
  h.clock.advance(1);
  const first = h.submitRows([0]);
  h.turn();
  h.clock.advance(11);
  h.executor.runs[0]?.complete();
  first.settled.catch(() => undefined);
  return h;
}

const within = (h: SchedulerHarness, ms: number) => taskContext(h.clock, { deadline: h.clock.nowMs() + ms });

/** Fills the slot and the queue with `batches` full ones, which have a deadline if one is given. */
function fill(h: SchedulerHarness, batches: number, ms = Infinity): void {
  h.submitRows([1, 2, 3, 4], within(h, ms));
  h.turn();
  for (let i = 0; i < batches; i++) h.submitRows([1, 2, 3, 4], within(h, ms));
}

/**
 * The least time, in quarters of a ms, with which a request is admitted behind a full batch that has just started; the
 * others are refused just before it. Its own run takes `longerMs` longer than such runs do.
 */
async function edgeBehindOne(h: SchedulerHarness, longerMs = 0): Promise<number> {
  h.clock.advance(20);
  fill(h, 0);
  let ms = 14;
  for (; h.scheduler.queuedRows === 0; ms += 0.25) h.submitRows([9], within(h, ms)).settled.catch(() => undefined);
  h.clock.advance(14);
  h.executor.active[0]?.complete();
  await settle();
  h.turn();
  h.clock.advance(11 + longerMs);
  h.executor.active[0]?.complete();
  await settle();
  return ms;
}

describe('Admission', () => {
  it('refuses at once what would be answered too late, and says when to come back', async () => {
    const h = harness();
    await settle();
    fill(h, 2, 49);
    const error = await h.submitRows([9], within(h, 50)).error();
    assert.equal(error.kind, 'overloaded');
    assert.deepEqual([error.attributes?.['reason'], error.attributes?.['stage']], ['predicted_late', 'admit']);
    // One runs for 14 ms, two wait for as long each, and its own run takes 11 or a little more.
    assert.match(error.message, /^the answer is expected [4-9] ms after the request's deadline; retry after/);
    assert.ok(error.retryAfterMs! >= 4 && error.retryAfterMs! <= 10, `${error.retryAfterMs}`);
    assert.equal(h.scheduler.queuedRows, 8);
  });

  it('takes what will be in time behind the same queue', async () => {
    const h = harness();
    await settle();
    fill(h, 2, 49);
    h.submitRows([9], within(h, 70));
    assert.equal(h.scheduler.queuedRows, 9);
  });

  it('refuses a request that would be in time alone, where its batch will fill meanwhile', async () => {
    for (const arrivals of [0, 9]) {
      const h = harness();
      await settle();
      // Rows that come and are gone: what counts is how many there lately were.
      for (let i = 0; i < arrivals; i++) await h.submitRows([1, 2, 3, 4], within(h, 0.1)).settled;
      h.clock.advance(0.2);
      fill(h, 0);
      // 14 ms until the slot is free, then 11 alone and 14 with three beside it.
      const error = await Promise.race([h.submitRows([9], within(h, 27)).settled, Promise.resolve(undefined)]);
      await settle();
      assert.equal(h.scheduler.queuedRows, arrivals === 0 ? 1 : 0, `${arrivals} before: ${error?.error?.message}`);
    }
  });

  it('keeps a deadline behind a head without one: later rows do not make the run too long', async () => {
    const h = harness({ sloMs: 5 });
    await settle();
    fill(h, 0);
    h.submitRows([1]);
    // 14 ms until the slot is free, then 12 with the one before it; with two more it would be 14.
    const promised = h.submitRows([2], within(h, 28.2));
    h.clock.advance(1);
    h.submitRows([3, 4], within(h, 300));
    h.clock.advance(13);
    h.executor.runs[1]!.complete();
    await settle();
    h.turn();
    assert.equal(promised.outcome, undefined);
    assert.equal(h.executor.runs[2]!.batch.size, 2);
  });

  it('lets a request pass those that are due later', async () => {
    const h = harness();
    await settle();
    fill(h, 3);
    const tight = h.submitRows([9], within(h, 50 - 15));
    // Those before it have no deadline and are due at the objective, long after it.
    assert.equal(h.scheduler.queuedRows, 13);
    h.clock.advance(14);
    h.executor.active[0]?.complete();
    await settle();
    h.executor.active[0]?.complete();
    assert.deepEqual(await tight.values(), [9]);
  });

  it('says so where the model alone takes longer than the deadline', async () => {
    const h = harness();
    await settle();
    const error = await h.submitRows([1, 2], within(h, 5)).error();
    assert.equal(error.kind, 'deadline_exceeded');
    assert.equal(error.attributes?.['reason'], 'deadline_too_short');
    assert.match(
      error.message,
      /^deadline of 5 ms would have passed while the model ran: about 13 ms for 2 rows; send a longer/,
    );
  });

  it('takes one in all the same when nothing has run for long: what is known may be wrong', async () => {
    const h = harness();
    await settle();
    assert.equal((await h.submitRows([1], within(h, 5)).error()).kind, 'deadline_exceeded');
    h.clock.advance(200);
    const probe = h.submitRows([1], within(h, 5));
    const next = await h.submitRows([1], within(h, 5)).error();
    assert.equal(next.kind, 'deadline_exceeded', 'and only one');
    h.turn();
    h.clock.advance(2);
    h.executor.active[0]?.complete();
    assert.deepEqual(await probe.values(), [1]);
  });

  it('never refuses a request without a deadline for being late, nor one whose deadline is the server’s cap', async () => {
    const h = harness({ maxEnqueuedBatches: 100 });
    await settle();
    fill(h, 60);
    h.submitRows([1]);
    h.submitRows([1], taskContext(h.clock, { deadline: h.clock.nowMs() + 100, hasOwnDeadline: false }));
    assert.equal(h.scheduler.queuedRows, 242);
  });

  it('with an objective that was set, sheds and refuses them once the queue stands', async () => {
    const h = harness({ sloMs: 30, maxEnqueuedBatches: 1000 });
    await settle();
    const all = Array.from({ length: 200 }, (_, i) => h.submitRows([i]));
    h.turn();
    for (let i = 0; i < 12; i++) {
      h.clock.advance(14);
      h.executor.active[0]?.complete();
      await settle();
    }
    const errors = all.flatMap(({ outcome }) => (outcome?.error === undefined ? [] : [outcome.error]));
    assert.ok(errors.length > 50, `${errors.length}`);
    for (const error of errors)
      assert.deepEqual([error.kind, error.attributes?.['reason']], ['overloaded', 'standing_queue']);
    assert.match(errors[0]!.message, /beyond the model's objective/);
  });

  it('bounds the bytes that wait, over all models', async () => {
    const clock = new FakeClock();
    const coreSlots = new CoreSlots(1, clock);
    const [a, b] = [1, 2].map(() => new SchedulerHarness({ clock, coreSlots, maxQueuedBytes: 40 }));
    a!.submitRows([1]);
    a!.turn();
    a!.submitRows([1, 2, 3, 4]);
    b!.submitRows([1, 2, 3, 4]);
    const error = await b!.submitRows([1, 2, 3]).error();
    assert.deepEqual([error.kind, error.attributes?.['reason']], ['overloaded', 'queue_memory']);
    assert.match(error.message, /raise max_queued_mib/);
    assert.equal(coreSlots.queuedBytes, 32);
  });

  it('evicts sheddable requests, the last first, for more important ones', async () => {
    const h = harness({ maxEnqueuedBatches: 2 });
    await settle();
    h.submitRows([1, 2, 3, 4]);
    h.turn();
    const sheddable = [1, 2].map((value) => {
      h.clock.advance(0.1);
      return h.submitRows([value, value, value, value], taskContext(h.clock, { priority: Priority.sheddable }));
    });
    const more = await h.submitRows([5], taskContext(h.clock, { priority: Priority.sheddable })).error();
    assert.equal(more.attributes?.['reason'], 'queue_full', 'not for one of their own');
    h.submitRows([6]);
    const error = await sheddable[1]!.error();
    assert.deepEqual([error.kind, error.attributes?.['reason']], ['overloaded', 'evicted']);
    assert.equal(h.scheduler.queuedRows, 5);
    assert.equal(sheddable[0]!.outcome, undefined);
  });

  it('gives them up only if that brings the other in time', async () => {
    const h = harness();
    await settle();
    h.submitRows([1, 2, 3, 4]);
    h.turn();
    const due = (ms: number) => ({ deadline: h.clock.nowMs() + ms });
    const inFront = h.submitRows([1, 2, 3, 4], taskContext(h.clock, { ...due(35), priority: Priority.sheddable }));
    const critical = h.submitRows([5], taskContext(h.clock, { ...due(36), priority: Priority.critical }));
    assert.equal((await inFront.error()).attributes?.['reason'], 'evicted');
    assert.equal(critical.outcome, undefined);
    assert.equal(h.scheduler.queuedRows, 1);
  });

  it('drops in the queue what can no longer be in time, with how long it waited', async () => {
    const h = harness();
    await settle();
    const a = h.submitRows([1, 2, 3, 4]);
    h.turn();
    const b = h.submitRows([5], within(h, 40));
    h.clock.advance(35);
    h.executor.active[0]?.complete();
    await a.values();
    const error = await b.error();
    assert.deepEqual([error.kind, error.attributes?.['reason']], ['deadline_exceeded', 'expired']);
    assert.match(
      error.message,
      /^the request waited 35 ms for a free slot; 5 ms of its deadline are left, and a run takes/,
    );
    assert.equal(h.executor.active.length, 0, 'no core works for it');
  });

  it('learns from what it refused: the next one in its place ended when the other would have been in time', async () => {
    const edges: number[][] = [];
    for (const isStrict of [false, true]) {
      const h = harness({ isStrict });
      await settle();
      const found: number[] = [];
      for (let i = 0; i < 12; i++) found.push(await edgeBehindOne(h));
      edges.push(found);
    }
    const [usual, strict] = edges as [number[], number[]];
    assert.equal(usual[0], strict[0]);
    assert.ok(usual.at(-1)! <= usual[0]! - 1, `${usual}`);
    assert.ok(strict.at(-1)! > usual.at(-1)!, `strict forgives refusals hardly ever: ${strict}`);
  });

  it('learns so also where the next one got the place by an eviction', async () => {
    const h = harness();
    await settle();
    let refusals = 0;
    for (; refusals < 12; refusals++) {
      h.clock.advance(20);
      fill(h, 0);
      const classed = (ms: number, priority: PriorityClass) =>
        taskContext(h.clock, { deadline: h.clock.nowMs() + ms, priority });
      const inFront = h.submitRows([1, 2, 3, 4], classed(35, Priority.sheddable));
      const behind = h.submitRows([5], classed(36, Priority.sheddable));
      if (h.scheduler.queuedRows === 5) break;
      assert.equal((await behind.error()).attributes?.['reason'], 'predicted_late');
      const critical = h.submitRows([6], classed(36, Priority.critical));
      assert.equal((await inFront.error()).attributes?.['reason'], 'evicted');
      for (const ms of [14, 11]) {
        h.clock.advance(ms);
        h.executor.active[0]?.complete();
        await settle();
        h.turn();
      }
      assert.deepEqual(await critical.values(), [6]);
    }
    assert.ok(refusals > 0 && refusals < 12, `${refusals}`);
  });

  it('keeps more time free after late answers', async () => {
    const h = harness();
    await settle();
    const before = await edgeBehindOne(h);
    for (let i = 0; i < 12; i++) await edgeBehindOne(h, 12);
    const after = await edgeBehindOne(h);
    assert.ok(after > before, `${before} ▸ ${after}`);
  });

  it('says what it expected of a run that started', async () => {
    const h = harness();
    await settle();
    h.submit(rowsOf([1, 2]));
    h.turn();
    h.clock.advance(12);
    h.executor.active[0]?.complete();
    await settle();
    assert.equal(h.batches.at(-1)?.expectedMs, 12);
    assert.equal(h.batches.at(-1)?.fullShare, (14 * 2) / (4 * 12), 'four rows take 14 ms');
    h.submit(rowsOf([1, 2, 3, 4]));
    h.turn();
    h.clock.advance(14);
    h.executor.active[0]?.complete();
    await settle();
    assert.equal(h.batches.at(-1)?.fullShare, 1);
  });
});
