import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { SlowRunDetector, startInlineHost } from '../../../../src/backends/host/inline-host.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import type { BatchResult } from '../../../../src/core/executor.ts';
import { Priority } from '../../../../src/core/priority.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { batchOf, fakeModel, WHEN, yOf } from '../../../support/fake-model.ts';

describe('a batch on the serving thread', () => {
  it('has run before the event loop turns', async (t) => {
    const { host } = await start(t);
    let result: BatchResult | undefined;
    void host.executor.run(batchOf(2, 4)).then((answered) => {
      result = answered;
    });
    // Only microtasks run.
    for (let i = 0; i < 3; i++) await undefined;
    assert.deepEqual(result && yOf(result), [3, 4]);
  });

  it('waits for a turn of the event loop when those before it took long, and is run before a close', async (t) => {
    const { host } = await start(t, { clock: systemClock });
    await host.executor.run(batchOf(WHEN.dawdle));
    const order: string[] = [];
    setImmediate(() => order.push('turn'));
    const next = host.executor.run(batchOf(2)).then((result) => order.push(`run ${yOf(result)}`));
    const closed = host.close().then(() => order.push('closed'));
    await Promise.all([next, closed]);
    assert.deepEqual(order, ['turn', 'run 3', 'closed']);
  });

  it('tells when it ran and for how long, unless it failed', async (t) => {
    const { host, clock, times } = await start(t);
    clock.advance(5);
    const { runStart, runEnd } = await host.executor.run(batchOf(2));
    assert.deepEqual([runStart, runEnd], [clock.nowMs(), clock.nowMs()]);
    await assert.rejects(host.executor.run(batchOf(WHEN.fail)));
    assert.deepEqual(times, [0]);
  });

  it('has the trace that it belongs to, where that is recorded', async (t) => {
    const { host } = await start(t);
    for (const traceparent of [`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, undefined]) {
      const origin = {
        traceHeaders: undefined,
        traceparent,
        priority: Priority.default,
        onAbandoned: undefined,
        note() {},
      };
      const told = host.executor.run({ ...batchOf(WHEN.trace), origin });
      await assert.rejects(told, { message: `traceparent: ${traceparent}` });
    }
  });

  it('fails as it would on a thread', async (t) => {
    const { host, clock } = await start(t);
    await assert.rejects(host.executor.run(batchOf(WHEN.fail)), { kind: 'backend_failed', message: /told to fail/ });
    await assert.rejects(host.executor.run(batchOf(WHEN.throw)), { kind: 'internal' });
    const late = { ...batchOf(2), deadline: clock.nowMs() - 1 };
    await assert.rejects(host.executor.run(late), { kind: 'deadline_exceeded', message: /before the batch/ });
    await host.executor.run({ ...batchOf(2), deadline: clock.nowMs() });
  });

  it('gives the memory of its inputs back, also when it fails', async (t) => {
    const { host } = await start(t);
    for (const first of [2, WHEN.fail]) {
      const buffer = host.executor.allocate(1000);
      const data = new Uint8Array(buffer, 0, 4);
      new Float32Array(buffer)[0] = first;
      const batch = { ...batchOf(0), inputs: new Map([['x', { dtype: 'float32', shape: [1], data } as const]]) };
      await host.executor.run(batch).catch(() => undefined);
      assert.equal(host.executor.allocate(1000), buffer);
      host.executor.release(buffer);
    }
  });
});

describe('an inline model on a machine that others use', () => {
  /** Runs that take 5 ms each, for so much of which the thread had a core; the runs that were reported as slow. */
  const slowRuns = async (t: TestContext, onCoreMs: number): Promise<number[]> => {
    const slow: number[] = [];
    let nowMs = 0;
    const clock = Object.assign(new FakeClock(), { nowMs: () => (nowMs += 5) });
    const detector = new SlowRunDetector(1);
    const startTimer = () => () => onCoreMs;
    const onSlow = (runMs: number): void => void slow.push(runMs);
    const host = await startInlineHost({ ...fakeModel(t), clock, detector, onSlow, startTimer });
    for (let i = 0; i < 40; i++) await host.executor.run(batchOf(2));
    await host.close();
    return slow;
  };

  it('is not slow because it waits for a core', async (t) => {
    assert.deepEqual(await slowRuns(t, 0.2), []);
  });

  it('does not stall because it waits, whenever that is', () => {
    const detector = new SlowRunDetector(1, 100);
    assert.equal(detector.isSlowAfter(150), false);
    for (let i = 0; i < 1000; i++) detector.isSlowAfter(FAST);
    assert.equal(detector.isSuspicious, true, 'the second one, which counts for good, is timed without its waits');
  });

  it('is slow if its runs take long on a core of their own', async (t) => {
    assert.ok((await slowRuns(t, 5)).length > 30);
  });
});

async function start(t: TestContext, overrides: { clock?: typeof systemClock } = {}) {
  const clock = new FakeClock();
  const times: number[] = [];
  const host = await startInlineHost({
    ...fakeModel(t),
    clock,
    detector: { limitMs: Infinity, isSuspicious: false, isSlowAfter: (runMs) => times.push(runMs) > 99 },
    ...overrides,
  });
  t.after(() => host.close());
  return { host, clock, times };
}

const FAST = 0.1;
const SLOW = 5;

describe('SlowRunDetector', () => {
  it('forgets pauses, however long they are', () => {
    const detector = new SlowRunDetector(0.3);
    for (let i = 0; i < 100; i++) {
      assert.equal(detector.isSlowAfter(1000), false);
      for (let k = 0; k < 20; k++) assert.equal(detector.isSlowAfter(FAST), false);
    }
  });

  it('reports when one run in ten is slow', () => {
    const detector = new SlowRunDetector(0.3);
    let runs = 0;
    while (!detector.isSlowAfter(runs % 10 === 0 ? SLOW : FAST)) runs++;
    assert.ok(runs < 200, `after ${runs} runs`);
  });

  it('reports at the eighth consecutive slow run, and not before', () => {
    const detector = new SlowRunDetector(0.3);
    for (let i = 0; i < 7; i++) assert.equal(detector.isSlowAfter(SLOW), false);
    assert.equal(detector.isSlowAfter(SLOW), true);
    assert.equal(detector.isSlowAfter(SLOW), true);
    assert.equal(detector.isSlowAfter(0.3), true);
  });

  it('never reports without a limit', () => {
    const detector = new SlowRunDetector(Infinity);
    for (let i = 0; i < 100; i++) assert.equal(detector.isSlowAfter(1e6), false);
  });
});
