import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import {
  ABANDONED_RUN_MS,
  CHECK_MS,
  OVERDUE_RUN_MS,
  SILENT_CHECKS,
} from '../../../src/backends/host/process/heartbeat-monitor.ts';
import { type ProcessHostOptions, startProcessHost } from '../../../src/backends/host/process/process-host.ts';
import { DEFAULT_FIRST_DELAY_MS } from '../../../src/backends/host/restart-backoff.ts';
import type { WorkerEvent } from '../../../src/backends/host/worker-host-options.ts';
import { RECYCLE_INTERVAL_MS } from '../../../src/backends/host/worker-slot.ts';
import type { BatchOrigin, BatchResult } from '../../../src/core/executor.ts';
import { isGone, modelProcesses } from '../../support/child-processes.ts';
import { FAKE_FILE, GROWN_BYTES } from '../../support/fake-backend.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { batchOf, fakeModel, holdLoads, WHEN, yOf } from '../../support/fake-model.ts';

describe('a model’s process that is killed', () => {
  it('gives its batch back as lost, is replaced, and leaves no zombie', async (t) => {
    const { host, clock, run, until, events } = await start(t);
    const [pid] = modelProcesses();
    const hanging = run(WHEN.hang);
    process.kill(pid!, 'SIGKILL');
    await assert.rejects(hanging, {
      kind: 'worker_lost',
      message: /the process that ran this batch died \(signal SIGKILL\)/,
    });
    assert.ok(isGone(pid!));
    clock.advance(60);
    await until(() => events.length === 2);
    assert.deepEqual(yOf(await run(2)), [3]);
    await host.close();
    assert.deepEqual(modelProcesses(), []);
  });

  it('while it loads is a load that may be tried again', async (t) => {
    const starting = startProcessHost({ ...fakeModel(t, { loadsForever: true }), slots: 1, clock: new FakeClock() });
    // Until it runs its own program it is not to be told from the server.
    while (modelProcesses().length === 0) await new Promise((resolve) => setImmediate(resolve));
    process.kill(modelProcesses()[0]!, 'SIGKILL');
    await assert.rejects(starting, {
      kind: 'load_failed',
      message: /its process ended while loading \(signal SIGKILL\)/,
      attributes: { workerEnded: true },
    });
  });

  it('is not ended by signals that are meant for the server', async (t) => {
    const { run, events } = await start(t);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(modelProcesses()[0]!, signal);
    for (let i = 0; i < 300; i++) assert.deepEqual(yOf(await run(2, i)), [3, i / 2 + 2]);
    assert.deepEqual(events, []);
  });
});

describe('a model’s process that hangs', () => {
  it('is ended when it sends no heartbeats, however the loop of the server was held up', async (t) => {
    const { clock, run, until, events } = await start(t);
    await until(() => clock.armed > 0);
    // A server that was stopped itself checks once, not ten times.
    clock.advance(10 * SILENT_CHECKS * CHECK_MS);
    await until(() => clock.armed > 0);
    process.kill(modelProcesses()[0]!, 'SIGSTOP');
    const lost = assert.rejects(run(1), { kind: 'worker_lost', message: /no heartbeat came for 10 s/ });
    while (events.length === 0) {
      await until(() => clock.armed > 0 || events.length > 0);
      clock.advance(CHECK_MS);
    }
    await lost;
  });

  it('is ended when a run goes on long after its deadline', async (t) => {
    const { clock, until, host } = await start(t);
    await until(() => clock.armed > 0);
    const hanging = host.executor.run({ ...batchOf(WHEN.hang), deadline: clock.nowMs() + 1000 });
    const lost = assert.rejects(hanging, { kind: 'worker_lost', message: /a run went on 60 s after its deadline/ });
    clock.advance(OVERDUE_RUN_MS + 2000);
    await lost;
  });
});

describe('a model’s process whose runs are ended when nobody waits for them', () => {
  it('is ended soon after a deadline, or when the callers have gone, and is replaced however often', async (t) => {
    const { clock, until, host, run, events } = await start(t, { endsAbandonedRuns: true });
    const origin: BatchOrigin = { traceHeaders: undefined, priority: 1, onAbandoned: undefined, note: () => undefined };
    const ended = {
      kind: 'worker_lost',
      message: /a run went on 2 s after its deadline, or after its callers had gone/,
    };
    // After crashes it would take longer each time, and in the end nothing would replace it.
    for (let i = 0; i < 4; i++) {
      await until(() => clock.armed > 0);
      const deadline = i % 2 === 0 ? clock.nowMs() + 1000 : Infinity;
      const hanging = assert.rejects(host.executor.run({ ...batchOf(WHEN.hang), deadline, origin }), ended);
      await new Promise((resolve) => setImmediate(resolve));
      if (deadline === Infinity) origin.onAbandoned!();
      clock.advance(1000 + ABANDONED_RUN_MS + CHECK_MS);
      await hanging;
      clock.advance(DEFAULT_FIRST_DELAY_MS);
      await until(() => events.at(-1)?.what === 'restarted');
    }
    assert.deepEqual(yOf(await run(2)), [3]);
  });

  it('has a limit for trial runs, which have no deadline', async (t) => {
    const { clock, until, host } = await start(t, { endsAbandonedRuns: true });
    await until(() => clock.armed > 0);
    const hanging = host.executor.run(batchOf(WHEN.hang));
    const lost = assert.rejects(hanging, { kind: 'worker_lost', message: /2 s after its deadline/ });
    clock.advance(30_000 + ABANDONED_RUN_MS + CHECK_MS);
    await lost;
  });
});

describe('a model’s process that grows', () => {
  it('over its ceiling is replaced under load, and no request fails', async (t) => {
    const { host, clock, run, until, events } = await start(t, { ceilingBytes: GROWN_BYTES });
    const [before] = modelProcesses();
    await run(WHEN.grow);
    let ran = 0;
    while (events.length === 0) {
      const [one, two] = await Promise.all([run(2, ran), run(2, ran + 1)]);
      assert.deepEqual(
        [yOf(one), yOf(two)],
        [
          [3, ran / 2 + 2],
          [3, ran / 2 + 2.5],
        ],
      );
      ran += 1;
    }
    assert.deepEqual(
      events.map(({ what }) => what),
      ['recycled'],
    );
    assert.match(events[0]!.reason, /it has \d{3} MiB, over the ceiling of 256/);
    assert.deepEqual(yOf(await run(2)), [3]);
    await until(() => isGone(before!));
    assert.equal(modelProcesses().length, 1);
    // A ceiling that is soon exceeded again does not cause endless loads.
    await run(WHEN.grow);
    await until(() => host.residentBytes!()! > GROWN_BYTES);
    await run(2);
    assert.deepEqual([events.length, modelProcesses().length], [1, 1]);
    clock.advance(RECYCLE_INTERVAL_MS);
    await until(() => events.length === 2);
    assert.equal(events[1]!.what, 'recycled');
  });

  it('stays when no other can be loaded, and says so', async (t) => {
    const { run, until, events, directory } = await start(t, { ceilingBytes: GROWN_BYTES });
    rmSync(join(directory, FAKE_FILE));
    await run(WHEN.grow);
    await until(() => events.length > 0);
    assert.equal(events[0]!.what, 'kept');
    assert.match(events[0]!.reason, /over the ceiling of 256; its replacement did not load: .*fake\.json/);
    assert.deepEqual(yOf(await run(2)), [3]);
  });

  it('can be closed while the next one loads', async (t) => {
    const { host, run, until, events, directory } = await start(t, { ceilingBytes: GROWN_BYTES });
    holdLoads(directory);
    await run(WHEN.grow);
    await until(() => modelProcesses().length === 2);
    await host.close();
    assert.deepEqual([events, modelProcesses()], [[], []]);
  });
});

describe('a model’s process', () => {
  it('leaves none behind when it cannot load', async (t) => {
    const options = fakeModel(t);
    rmSync(join(options.versionDirectory, FAKE_FILE));
    const loading = startProcessHost({ ...options, slots: 2, clock: new FakeClock() });
    await assert.rejects(loading, { kind: 'load_failed', message: /fake\.json/ });
    assert.deepEqual(modelProcesses(), []);
  });

  it('has what it prints told line by line, cut where it is long', async (t) => {
    const lines: string[] = [];
    const { host, run } = await start(t, { onOutput: (line) => lines.push(line) });
    await run(WHEN.print);
    await host.close();
    assert.deepEqual(lines.sort(), ['a note on standard error', 'a note on standard output', 'x'.repeat(2000)]);
  });

  it('tells its memory', async (t) => {
    const { host, until } = await start(t);
    await until(() => host.residentBytes!() !== undefined);
    const mib = host.residentBytes!()! / 2 ** 20;
    assert.ok(mib > 20 && mib < 400, `${mib} MiB`);
  });

  it('refuses tensors that are too large to be sent at once, and goes on', async (t) => {
    const { host, run } = await start(t);
    // Untouched pages use no memory.
    const x = { dtype: 'float32', shape: [2 ** 29], data: new Uint8Array(2 ** 31) } as const;
    const batch = { ...batchOf(), inputs: new Map([['x', x]]), size: 2 ** 29 };
    await assert.rejects(host.executor.run(batch), { kind: 'too_large', message: /send fewer rows/ });
    assert.deepEqual(yOf(await run(2)), [3]);
  });
});

async function start(t: TestContext, overrides: Partial<ProcessHostOptions> = {}) {
  const clock = new FakeClock();
  const events: WorkerEvent[] = [];
  const options = fakeModel(t);
  const host = await startProcessHost({
    ...options,
    slots: 1,
    clock,
    onWorkerEvent: (event) => events.push(event),
    ...overrides,
  });
  t.after(() => host.close());
  const run = (...values: number[]): Promise<BatchResult> => host.executor.run(batchOf(...values));
  return { host, clock, events, run, until, directory: options.versionDirectory };
}

/** Waits, with turns of the event loop, until the condition holds. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
