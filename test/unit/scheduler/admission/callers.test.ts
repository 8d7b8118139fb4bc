/** What callers owe each other at admission, through a scheduler whose model takes 10 ms and 1 ms a row. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CoreSlots } from '../../../../src/scheduler/cores/core-slots.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import {
  type HarnessOptions,
  rowsOf,
  SchedulerHarness,
  type Submitted,
  settle,
  taskContext,
} from '../../../support/scheduler-harness.ts';
import { simulate, type TrafficClass } from '../../../support/traffic.ts';

const SEEDS = [1, 2, 4].map((rows) => ({ signature: 'serving_default', rows, runMs: 10 + rows }));

/** At most 8 rows wait, in batches of 4. */
function harness(options: HarnessOptions = {}): SchedulerHarness {
  return new SchedulerHarness({ seeds: SEEDS, maxEnqueuedBatches: 2, ...options });
}

function ask(h: SchedulerHarness, caller: string, rows: number, ms = Infinity): Submitted {
  const deadline = h.clock.nowMs() + ms;
  return h.submit(rowsOf(new Array<number>(rows).fill(1)), { context: taskContext(h.clock, { caller, deadline }) });
}

/** Rows of the runs so far, that of the first request left out. */
const runs = (h: SchedulerHarness): number[] => h.executor.runs.slice(1).map(({ batch }) => batch.size);

async function endRun(h: SchedulerHarness): Promise<void> {
  h.clock.advance(14);
  h.executor.active[0]?.complete();
  await settle();
  h.turn();
}

/** A run of one row holds the slot; what comes now waits. */
function busy(options?: HarnessOptions): SchedulerHarness {
  const h = harness(options);
  ask(h, 'first', 1);
  h.turn();
  return h;
}

describe('Admission, between callers', () => {
  it('lets one request of any size in when nothing waits, and its caller no more behind it', async () => {
    const h = busy();
    ask(h, 'greedy', 100);
    const { attributes } = await ask(h, 'greedy', 1).error();
    assert.equal(attributes?.['reason'], 'queue_full');
  });

  it('takes another caller’s request though one holds the whole queue, up to a fair share', async () => {
    const h = busy();
    ask(h, 'greedy', 100);
    const taken = [ask(h, 'meek', 1), ask(h, 'meek', 3)];
    const over = await ask(h, 'meek', 1).error();
    assert.equal(over.attributes?.['reason'], 'queue_full', 'half of 8 rows is its share');
    const third = ask(h, 'other', 2);
    for (let i = 0; i < 40; i++) await endRun(h);
    for (const each of [...taken, third]) assert.notEqual((await each.settled).outputs, undefined);
  });

  it('runs it next, not behind the crowd', async () => {
    const h = busy();
    ask(h, 'greedy', 100);
    await endRun(h);
    const meek = ask(h, 'meek', 1, 40);
    await endRun(h);
    await endRun(h);
    assert.notEqual((await meek.settled).outputs, undefined);
    assert.deepEqual(runs(h).slice(0, 3), [4, 1, 4]);
  });

  it('runs next what already waited when the crowd came, with a deadline behind the crowd’s', async () => {
    const h = busy();
    const meek = ask(h, 'meek', 1, 10_000);
    ask(h, 'greedy', 8, 5000);
    await endRun(h);
    await endRun(h);
    assert.notEqual((await meek.settled).outputs, undefined);
  });

  it('changes nothing for a caller alone: the earliest deadline goes first', async () => {
    const h = busy({ maxEnqueuedBatches: 100 });
    const loose = ask(h, 'one', 4, 5000);
    const crowd = ask(h, 'one', 40, 4000);
    const tight = ask(h, 'one', 4, 1000);
    await endRun(h);
    await endRun(h);
    assert.deepEqual([tight.outcome !== undefined, crowd.outcome, loose.outcome], [true, undefined, undefined]);
  });

  it('keeps a quarter of the bytes’ limit beside it for callers that hold little', async () => {
    const clock = new FakeClock();
    const coreSlots = new CoreSlots(1, clock);
    // 100 rows of 4 bytes.
    const h = busy({ clock, coreSlots, maxQueuedBytes: 400, maxEnqueuedBatches: 1000 });
    ask(h, 'greedy', 100);
    assert.equal((await ask(h, 'greedy', 1).error()).attributes?.['reason'], 'queue_memory');
    ask(h, 'meek', 12);
    assert.equal((await ask(h, 'meek', 1).error()).attributes?.['reason'], 'queue_memory');
    ask(h, 'other', 8);
    assert.equal(coreSlots.queuedBytes, 480);
    assert.equal((await ask(h, 'fourth', 6).error()).attributes?.['reason'], 'queue_memory', 'over 500 nobody comes');
  });
});

describe('A caller’s share of the cores', () => {
  const runMs = (rows: number): number => 0.5 + 0.2 * rows;
  const options = { maxBatchSize: 64, maxEnqueuedBatches: 100 };

  /** As many requests of each, one's a hundred times as costly. */
  const CLASSES: readonly TrafficClass[] = [
    { perMs: 0.1, rows: 100, deadlineMs: 100, caller: 'costly' },
    { perMs: 0.1, rows: 1, deadlineMs: 100, caller: 'cheap' },
  ];

  it('is told by time, not by requests: of as many requests the cheap ones are in time', async () => {
    const told = await simulate({ models: [{ classes: CLASSES, runMs, options }], slots: 1, durationMs: 3000 });
    const [costly, cheap] = told.models[0]!;
    assert.equal(cheap!.good, cheap!.offered);
    assert.ok(costly!.good > 0.3 * costly!.offered, 'of the others as many as there is room for');
    const untold = CLASSES.map(({ caller: _, ...one }) => one);
    const one = await simulate({ models: [{ classes: untold, runMs, options }], slots: 1, durationMs: 3000 });
    assert.ok(one.models[0]![1]!.good < one.models[0]![1]!.offered, 'as one caller they lose some');
  });

  it('is a limit by option, only while others are there, with the time after which there is room', async () => {
    const clock = new FakeClock();
    const h = harness({ clock, coreSlots: new CoreSlots(1, clock), callerCoreShare: 0.5, maxEnqueuedBatches: 100 });
    const run = async (caller: string): Promise<void> => {
      const asked = ask(h, caller, 4);
      h.turn();
      await endRun(h);
      assert.notEqual((await asked.settled).outputs, undefined);
    };
    for (let i = 0; i < 800; i++) await run('greedy');
    // Nobody else is there.
    await run('greedy');
    ask(h, 'first', 4);
    h.turn();
    ask(h, 'meek', 1);
    const { kind, message, retryAfterMs, attributes } = await ask(h, 'greedy', 4).error();
    assert.deepEqual([kind, attributes?.['reason']], ['overloaded', 'caller_core_share']);
    assert.match(message, /took (9\d|100) % of the cores' time of late, and while others wait it may take 50 %; retry/);
    assert.ok(retryAfterMs! > 4000 && retryAfterMs! <= 5010, `${retryAfterMs}`);
    await endRun(h);
    await endRun(h);
    clock.advance(retryAfterMs!);
    ask(h, 'first', 4);
    h.turn();
    ask(h, 'meek', 1);
    ask(h, 'greedy', 4);
    assert.equal(h.scheduler.queuedRows, 5, 'taken after that time');
  });
});
