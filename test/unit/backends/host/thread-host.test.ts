import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { siblingModule } from '../../../../src/backends/host/sibling-module.ts';
import { type HostedSession, startThreadHost } from '../../../../src/backends/host/thread-host.ts';
import type { WorkerEvent } from '../../../../src/backends/host/worker-slots.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import type { ErrorKind, ServingError } from '../../../../src/core/errors.ts';
import type { BatchResult } from '../../../../src/core/executor.ts';
import { elements, type NumericTensor, numericTensor } from '../../../../src/core/tensor.ts';
import { FAKE_FILE, type FakeModel } from '../../../support/fake-backend.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const FAILS = 101;
const THROWS = 102;
const FORGETS = 103;
const EXITS = 104;

const MODEL: FakeModel = {
  signatures: {
    serving_default: {
      inputs: { x: { dtype: 'float32', shape: [-1] } },
      outputs: { y: { copyOf: 'x', scale: 0.5, offset: 2 } },
      batchAxis: { kind: 'dynamic' },
    },
  },
  faults: [
    { whenFirstIs: FAILS, effect: 'fail' },
    { whenFirstIs: THROWS, effect: 'throw' },
    { whenFirstIs: FORGETS, effect: 'forget' },
    { whenFirstIs: EXITS, effect: 'exit' },
  ],
};

describe('a batch in a worker thread', () => {
  it('runs, and tells when on the clock of the main thread', async (t) => {
    const { host } = await start(t, { clock: systemClock });
    const before = systemClock.nowMs();
    const { outputs, runStart, runEnd } = await run(host, 1, 2);
    assert.deepEqual([...elements(outputs.get('y') as NumericTensor)], [2.5, 3]);
    // A millisecond for two clocks read one after the other.
    assert.ok(before - 1 <= runStart! && runStart! <= runEnd! && runEnd! <= systemClock.nowMs() + 1);
  });

  it('moves lent memory there and back, and leaves other memory alone', async (t) => {
    const { host } = await start(t);
    const lent = host.executor.allocate(1000);
    const first = new Uint8Array(lent, 0, 8);
    await runTensor(host, { dtype: 'float32', shape: [2], data: first });
    assert.equal(first.byteLength, 0);
    const own = numericTensor('float32', [1], new Float32Array([4]));
    await runTensor(host, own);
    assert.equal(own.data.byteLength, 4);
  });

  it('comes back with the error of the session, and the worker goes on', async (t) => {
    const { host, events } = await start(t);
    await assertRejects(run(host, FAILS), 'backend_failed', /told to fail/);
    const bug = await assertRejects(run(host, THROWS), 'internal', /internal error/);
    assert.match(String(bug.cause), /a bug in the fake\n.*fake-backend/);
    await run(host, FORGETS);
    await run(host, 1);
    assert.deepEqual(events, []);
  });

  it('waits for a busy worker', async (t) => {
    const { host } = await start(t, { slots: 1 });
    const results = await Promise.all([run(host, 2), run(host, 4), run(host, 6)]);
    assert.deepEqual(
      results.map((r) => elements(r.outputs.get('y') as NumericTensor)[0]),
      [3, 4, 5],
    );
  });

  it('is not begun after its deadline', async (t) => {
    const { host, clock } = await start(t);
    const x = numericTensor('float32', [1], new Float32Array([1]));
    const late = runTensor(host, x, clock.nowMs() - 1);
    await assertRejects(late, 'deadline_exceeded', /before the batch could start/);
    await runTensor(host, x, clock.nowMs() + 1);
  });
});

describe('a worker that dies', () => {
  it('takes its own batch with it, no other, and is replaced', async (t) => {
    const { host, clock, events } = await start(t, { slots: 2 });
    const dying = assertRejects(run(host, EXITS), 'worker_lost', /model "m": .*died \(exit code 7\)/);
    await Promise.all([dying, run(host, 1)]);
    await run(host, 1);
    assert.deepEqual(whats(events), ['lost']);
    clock.advance(60);
    await until(() => events.length === 2);
    assert.deepEqual(whats(events), ['lost', 'restarted']);
    await Promise.all([run(host, 1), run(host, 2)]);
  });

  it('leaves nobody waiting when it was the last', async (t) => {
    const { host, clock, events } = await start(t, { slots: 1 });
    const [first, second] = await Promise.allSettled([run(host, EXITS), run(host, 1)]);
    assert.equal(first.status === 'rejected' && first.reason.kind, 'worker_lost');
    assert.equal(second.status === 'rejected' && second.reason.kind, 'worker_lost');
    const meanwhile = await assertRejects(run(host, 1), 'worker_lost', /are being replaced/);
    assert.equal(meanwhile.retryAfterMs, 50);
    clock.advance(60);
    await until(() => events.length === 2);
    await run(host, 1);
  });

  it('is given up when it cannot be replaced, without a loop, and says so', async (t) => {
    const { host, clock, events, directory } = await start(t, { slots: 1 });
    rmSync(join(directory, FAKE_FILE));
    await assertRejects(run(host, EXITS), 'worker_lost', /died/);
    while (whats(events).at(-1) !== 'given_up') {
      await until(() => clock.armed > 0 || whats(events).at(-1) === 'given_up');
      clock.advance(10_000);
    }
    assert.match(events.at(-1)!.reason, /fake\.json/);
    assert.equal(clock.armed, 0);
    await assertRejects(run(host, 1), 'worker_lost', /load the model again/);
  });

  it('can be closed while it is being replaced', async (t) => {
    const waiting = await start(t, { slots: 1 });
    await assertRejects(run(waiting.host, EXITS), 'worker_lost', /died/);
    await waiting.host.close();
    assert.equal(waiting.clock.armed, 0);

    const loading = await start(t, { slots: 1 });
    await assertRejects(run(loading.host, EXITS), 'worker_lost', /died/);
    loading.clock.advance(60);
    await loading.host.close();
    assert.deepEqual(whats(loading.events), ['lost']);
  });
});

describe('starting and closing', () => {
  it('rejects with the load error of the backend, and tries no more', async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, FAKE_FILE), '{');
    const clock = new FakeClock();
    await assertRejects(startThreadHost(options(directory, clock)), 'load_failed', /fake\.json/);
    assert.equal(clock.armed, 0);
  });

  it('finishes the batches that were accepted, those that wait too, then takes none', async (t) => {
    const { host } = await start(t, { slots: 1 });
    const running = [run(host, 1), run(host, 2)];
    const closed = host.close();
    await assertRejects(run(host, 3), 'backend_failed', /"m" has been unloaded/);
    await closed;
    assert.equal((await Promise.all(running)).length, 2);
    await host.close();
  });
});

function options(directory: string, clock: FakeClock | typeof systemClock) {
  return {
    model: 'm',
    versionDirectory: directory,
    backendKind: siblingModule(import.meta.url, '../../../support/fake-backend').href,
    loadOptions: { intraOpThreads: 1, executionProvider: 'cpu' },
    slots: 2,
    clock,
  };
}

async function start(t: TestContext, overrides: { slots?: number; clock?: typeof systemClock } = {}) {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, FAKE_FILE), JSON.stringify(MODEL));
  const clock = new FakeClock();
  const events: WorkerEvent[] = [];
  const host = await startThreadHost({
    ...options(directory, clock),
    ...overrides,
    onWorkerEvent: (event) => events.push(event),
  });
  t.after(() => host.close());
  return { host, clock, events, directory };
}

function run(host: HostedSession, ...values: number[]): Promise<BatchResult> {
  return runTensor(host, numericTensor('float32', [values.length], new Float32Array(values)));
}

function runTensor(host: HostedSession, x: NumericTensor, deadline = Infinity): Promise<BatchResult> {
  return host.executor.run({
    signatureName: 'serving_default',
    inputs: new Map([['x', x]]),
    outputs: ['y'],
    size: x.shape[0]!,
    deadline,
  });
}

function whats(events: readonly WorkerEvent[]): readonly string[] {
  return events.map((event) => event.what);
}

/** Lets the threads' messages in until it is so. */
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
