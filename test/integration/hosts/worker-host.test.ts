import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { HostedSession } from '../../../src/backends/host/hosted-session.ts';
import { startProcessHost } from '../../../src/backends/host/process/process-host.ts';
import { startThreadHost, type ThreadHostOptions } from '../../../src/backends/host/thread/thread-host.ts';
import type { WorkerEvent } from '../../../src/backends/host/worker-host-options.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { ErrorKind, ServingError } from '../../../src/core/errors.ts';
import type { BatchResult } from '../../../src/core/executor.ts';
import { Priority } from '../../../src/core/priority.ts';
import { type NumericTensor, numericTensor } from '../../../src/core/tensor.ts';
import { FAKE_FILE, type FakeModel } from '../../support/fake-backend.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { batchOf, fakeModel, WHEN, yOf } from '../../support/fake-model.ts';
import { StillGroup } from '../../support/still-group.ts';

type Start = typeof startThreadHost;

/** `exit`: what a run hears that ends its worker. */
const HOSTS: readonly { where: string; startHost: Start; model?: Partial<FakeModel>; exit?: ErrorKind }[] = [
  { where: 'in a thread, by shared memory', startHost: startThreadHost },
  { where: 'in a thread, by message', startHost: (options) => startThreadHost({ ...options, slabBytes: 0 }) },
  { where: 'in a process', startHost: startProcessHost, exit: 'worker_crashed' },
  {
    where: 'in the event loop of a process',
    startHost: startProcessHost,
    model: { isAsynchronous: true },
    exit: 'worker_crashed',
  },
  { where: 'in a process that is shared', startHost: startInGroup },
  {
    where: 'in the event loop of a thread of a shared process',
    startHost: startInGroup,
    model: { isAsynchronous: true },
  },
];

for (const { where, exit = 'worker_lost', ...place } of HOSTS) {
  describe(`a batch in a worker, ${where}`, () => {
    it('runs, and tells when on the clock of the server', async (t) => {
      const { host } = await start(t, place, { clock: systemClock });
      const before = systemClock.nowMs();
      const result = await run(host, 1, 2);
      const { runStart, runEnd } = result;
      assert.deepEqual(yOf(result), [2.5, 3]);
      // Tolerance of a millisecond, since two clocks are read one after the other.
      assert.ok(before - 1 <= runStart! && runStart! <= runEnd! && runEnd! <= systemClock.nowMs() + 1);
    });

    it('has the trace that it belongs to, where that is recorded, and the next has its own', async (t) => {
      const { host } = await start(t, place, { slots: 1 });
      for (const traceparent of [`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, undefined]) {
        const origin = {
          traceHeaders: undefined,
          traceparent,
          priority: Priority.default,
          onAbandoned: undefined,
          note() {},
        };
        const told = host.executor.run({ ...batchOf(WHEN.trace), origin });
        await assertRejects(told, 'backend_failed', new RegExp(`traceparent: ${traceparent}$`));
      }
    });

    it('gives the memory of its inputs back to be lent again, and leaves other memory alone', async (t) => {
      const { host } = await start(t, place);
      const lent = host.executor.allocate(1000);
      new Float32Array(lent).set([2, 4]);
      await runTensor(host, { dtype: 'float32', shape: [2], data: new Uint8Array(lent, 0, 8) });
      const again = host.executor.allocate(1000);
      // After transfer and return it is another object over the same bytes.
      assert.deepEqual([...new Float32Array(again, 0, 2)], [2, 4]);
      const own = numericTensor('float32', [1], new Float32Array([4]));
      await runTensor(host, own);
      assert.equal(own.data.byteLength, 4);
    });

    it('comes back with the error of the session, and the worker goes on', async (t) => {
      const { host, events } = await start(t, place);
      await assertRejects(run(host, WHEN.fail), 'backend_failed', /told to fail/);
      const bug = await assertRejects(run(host, WHEN.throw), 'internal', /internal error/);
      assert.match(String(bug.cause), /a bug in the fake\n.*fake-backend/);
      await run(host, WHEN.forget);
      await run(host, 1);
      assert.deepEqual(events, []);
    });

    it('waits for a busy worker', async (t) => {
      const { host } = await start(t, place, { slots: 1 });
      const results = await Promise.all([run(host, 2), run(host, 4), run(host, 6)]);
      assert.deepEqual(results.map(yOf), [[3], [4], [5]]);
    });

    it('is not begun after its deadline', async (t) => {
      const { host, clock } = await start(t, place);
      const x = numericTensor('float32', [1], new Float32Array([1]));
      const late = runTensor(host, x, clock.nowMs() - 1);
      await assertRejects(late, 'deadline_exceeded', /before the batch could start/);
      await runTensor(host, x, clock.nowMs() + 1);
    });
  });

  describe(`a worker that dies, ${where}`, () => {
    it('takes its own batch with it, no other, and is replaced', async (t) => {
      const { host, clock, events } = await start(t, place, { slots: 2 });
      const dying = assertRejects(run(host, WHEN.exit), exit, /model "m": .*died \(exit code 7\)/);
      await Promise.all([dying, run(host, 1)]);
      await run(host, 1);
      assert.deepEqual(whats(events), ['lost']);
      clock.advance(60);
      await until(() => events.length === 2);
      assert.deepEqual(whats(events), ['lost', 'restarted']);
      await Promise.all([run(host, 1), run(host, 2)]);
    });

    it('leaves nobody waiting when it was the last', async (t) => {
      const { host, clock, events } = await start(t, place, { slots: 1 });
      const [first, second] = await Promise.allSettled([run(host, WHEN.exit), run(host, 1)]);
      assert.equal(first.status === 'rejected' && first.reason.kind, exit);
      assert.equal(second.status === 'rejected' && second.reason.kind, 'worker_lost');
      const meanwhile = await assertRejects(run(host, 1), 'worker_lost', /are being replaced/);
      assert.equal(meanwhile.retryAfterMs, 50);
      clock.advance(60);
      await until(() => events.length === 2);
      await run(host, 1);
    });

    it('is given up when it cannot be replaced, without a loop, and says so', async (t) => {
      const { host, clock, events, directory } = await start(t, place, { slots: 1 });
      rmSync(join(directory, FAKE_FILE));
      await assertRejects(run(host, WHEN.exit), exit, /died/);
      while (whats(events).at(-1) !== 'given_up') {
        await until(() => clock.armed > 0 || whats(events).at(-1) === 'given_up');
        clock.advance(10_000);
      }
      assert.match(events.at(-1)!.reason, /fake\.json/);
      assert.equal(clock.armed, 0);
      await assertRejects(run(host, 1), 'worker_lost', /load the model again/);
    });

    it('can be closed while it is being replaced', async (t) => {
      const waiting = await start(t, place, { slots: 1 });
      await assertRejects(run(waiting.host, WHEN.exit), exit, /died/);
      await waiting.host.close();
      assert.equal(waiting.clock.armed, 0);

      const loading = await start(t, place, { slots: 1 });
      await assertRejects(run(loading.host, WHEN.exit), exit, /died/);
      loading.clock.advance(60);
      await loading.host.close();
      assert.deepEqual(whats(loading.events), ['lost']);
    });
  });

  describe(`starting and closing, ${where}`, () => {
    it('rejects with the load error of the backend, and tries no more', async (t) => {
      const options = fakeModel(t, place.model);
      writeFileSync(join(options.versionDirectory, FAKE_FILE), '{');
      const clock = new FakeClock();
      const starting = place.startHost({ ...options, slots: 2, clock });
      await assertRejects(starting, 'load_failed', /fake\.json/);
      assert.equal(clock.armed, 0);
    });

    it('finishes the batches that were accepted, those that wait too, then takes none', async (t) => {
      const { host } = await start(t, place, { slots: 1 });
      const running = [run(host, 1), run(host, 2)];
      const closed = host.close();
      await assertRejects(run(host, 3), 'backend_failed', /"m" has been unloaded/);
      await closed;
      assert.equal((await Promise.all(running)).length, 2);
      await host.close();
    });
  });
}

function startInGroup(options: ThreadHostOptions): ReturnType<Start> {
  return startProcessHost({ ...options, processGroup: new StillGroup('g') });
}

async function start(
  t: TestContext,
  { startHost, model }: Omit<(typeof HOSTS)[number], 'where'>,
  overrides: Partial<ThreadHostOptions> = {},
) {
  const clock = new FakeClock();
  const events: WorkerEvent[] = [];
  const options = fakeModel(t, model);
  const onWorkerEvent = (event: WorkerEvent): number => events.push(event);
  const host = await startHost({ ...options, slots: 2, clock, onWorkerEvent, ...overrides });
  t.after(() => host.close());
  return { host, clock, events, directory: options.versionDirectory };
}

function run({ executor }: HostedSession, ...values: number[]): Promise<BatchResult> {
  return executor.run(batchOf(...values));
}

function runTensor({ executor }: HostedSession, x: NumericTensor, deadline = Infinity): Promise<BatchResult> {
  return executor.run({ ...batchOf(), inputs: new Map([['x', x]]), size: x.shape[0]!, deadline });
}

function whats(events: readonly WorkerEvent[]): readonly string[] {
  return events.map((event) => event.what);
}

/** Waits, with turns of the event loop, until the condition holds. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

async function assertRejects(promise: Promise<unknown>, kind: ErrorKind, text: RegExp): Promise<ServingError> {
  const [result] = await Promise.allSettled([promise]);
  assert.equal(result.status, 'rejected');
  const error = result.reason as ServingError;
  assert.equal(error.kind, kind, String(error.stack));
  assert.match(error.message, text);
  return error;
}
