import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import type { ProcessGroup } from '../../../src/backends/host/process/process-group.ts';
import { type ProcessHostOptions, startProcessHost } from '../../../src/backends/host/process/process-host.ts';
import { DEFAULT_MAX_ATTEMPTS } from '../../../src/backends/host/restart-backoff.ts';
import type { WorkerEvent } from '../../../src/backends/host/worker-host-options.ts';
import { RECYCLE_INTERVAL_MS } from '../../../src/backends/host/worker-slot.ts';
import type { BatchResult } from '../../../src/core/executor.ts';
import { isGone, modelProcesses } from '../../support/child-processes.ts';
import { FAKE_DEVICE, FAKE_FILE, GROWN_BYTES } from '../../support/fake-backend.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { batchOf, fakeModel, WHEN, yOf } from '../../support/fake-model.ts';
import { StillGroup } from '../../support/still-group.ts';

describe('models of a group', () => {
  it('share one process, in which each has its own sessions', async (t) => {
    const group = newGroup();
    const [a, b] = [await start(t, group, { model: 'a' }), await start(t, group, { model: 'b', slots: 2 })];
    assert.deepEqual(group.group.processes[0]!.models, ['a', 'b', 'b']);
    assert.deepEqual(modelProcesses(), [group.group.processes[0]!.pid]);
    const [one, two, three] = await Promise.all([a.run(2), b.run(4), b.run(6)]);
    assert.deepEqual([one, two, three].map(yOf), [[3], [4], [5]]);
    assert.equal(a.host.residentBytes!(), undefined);
  });

  it('share none with models on a device, whose libraries are chosen when a process starts', async (t) => {
    const group = newGroup();
    const onDevice = { intraOpThreads: 1, executionProvider: FAKE_DEVICE };
    const [a, b] = [
      await start(t, group, { model: 'a' }),
      await start(t, group, { model: 'b', loadOptions: onDevice }),
    ];
    const c = await start(t, group, { model: 'c', loadOptions: onDevice });
    assert.deepEqual(
      group.group.processes.map(({ models }) => models),
      [['a'], ['b', 'c']],
    );
    assert.deepEqual(
      [a, b, c].map(({ host }) => host.executor.isOnDevice),
      [false, true, true],
    );
  });

  it('run and load beside each other: one that hangs holds up nobody', async (t) => {
    const group = newGroup();
    const a = await start(t, group, { model: 'a' });
    const hanging = a.run(WHEN.hang);
    const b = await start(t, group, { model: 'b' });
    assert.deepEqual(yOf(await b.run(2)), [3]);
    process.kill(modelProcesses()[0]!, 'SIGKILL');
    await assert.rejects(hanging, { kind: 'worker_lost' });
  });

  it('come and go without disturbing the others, and the process ends with the last', async (t) => {
    const group = newGroup();
    const a = await start(t, group, { model: 'a' });
    const [pid] = modelProcesses();
    for (let i = 0; i < 3; i++) {
      const b = await start(t, group, { model: 'b' });
      const running = Promise.all([a.run(2), b.run(2)]);
      await b.host.close();
      assert.deepEqual((await running).map(yOf), [[3], [3]]);
    }
    assert.deepEqual([modelProcesses(), a.events], [[pid], []]);
    await a.host.close();
    assert.ok(isGone(pid!));
    assert.deepEqual([modelProcesses(), group.group.processes], [[], []]);
    const again = await start(t, group, { model: 'a' });
    assert.deepEqual(yOf(await again.run(2)), [3]);
  });

  it('do not notice when another ends its own thread, or does not load', async (t) => {
    const group = newGroup();
    const [a, b] = [await start(t, group, { model: 'a' }), await start(t, group, { model: 'b' })];
    const message = /model "a": the thread in the process of group "small" that ran this batch died \(exit code 7\)/;
    await assert.rejects(a.run(WHEN.exit), { kind: 'worker_lost', message });
    await assert.rejects(start(t, group, { ...unloadable(t), model: 'c' }), {
      kind: 'load_failed',
      message: /fake\.json/,
    });
    assert.deepEqual(yOf(await b.run(2)), [3]);
    group.clock.advance(60);
    await until(() => a.events.length === 2);
    assert.deepEqual(yOf(await a.run(2)), [3]);
    assert.deepEqual([b.events, modelProcesses().length], [[], 1]);
  });

  it('can be closed while they load beside others', async (t) => {
    const group = newGroup();
    const a = await start(t, group, { model: 'a' });
    const loading = [start(t, group, { model: 'b', slots: 2 }), start(t, group, { ...unloadable(t), model: 'c' })];
    await Promise.allSettled(loading);
    await (await loading[0]!).host.close();
    assert.deepEqual(group.group.processes[0]!.models, ['a']);
    assert.deepEqual(yOf(await a.run(2)), [3]);
  });
});

describe('the process of a group that dies', () => {
  it('gives every model’s batch back as lost; all are replaced, in one process', async (t) => {
    const group = newGroup();
    const members = [await start(t, group, { model: 'a' }), await start(t, group, { model: 'b' })];
    const [pid] = modelProcesses();
    const hanging = members.map(({ run }) => run(WHEN.hang));
    process.kill(pid!, 'SIGKILL');
    for (const each of hanging) {
      const message = /the process of group "small" that ran this batch died \(signal SIGKILL\)/;
      await assert.rejects(each, { kind: 'worker_lost', message });
    }
    for (const { run } of members) await assert.rejects(run(2), { kind: 'worker_lost', message: /being replaced/ });
    assert.ok(isGone(pid!));
    group.clock.advance(60);
    await until(() => members.every(({ events }) => events.length === 2));
    for (const { run, events } of members) {
      assert.deepEqual(yOf(await run(2)), [3]);
      assert.deepEqual(whats(events), ['lost', 'restarted']);
    }
    assert.equal(modelProcesses().length, 1);
  });

  it('is not held against a model that did nothing', async (t) => {
    const group = newGroup();
    const [a, idle] = [await start(t, group, { model: 'a' }), await start(t, group, { model: 'idle' })];
    const rounds = DEFAULT_MAX_ATTEMPTS + 1;
    for (let round = 1; round <= rounds; round++) {
      const hanging = assert.rejects(a.run(WHEN.hang), { kind: 'worker_lost' });
      process.kill(modelProcesses()[0]!, 'SIGKILL');
      await hanging;
      if (round === rounds) break;
      while (idle.events.length < 2 * round || a.events.length < 2 * round) {
        group.clock.advance(10_000);
        await until(() => group.clock.armed > 0 || idle.events.length + a.events.length === 4 * round);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    assert.equal(whats(a.events).at(-1), 'given_up');
    group.clock.advance(60);
    await until(() => whats(idle.events).at(-1) === 'restarted');
    assert.deepEqual(yOf(await idle.run(2)), [3]);
  });

  it('while it loads one model does not fail the load of the next', async (t) => {
    const group = newGroup();
    const held = { ...fakeModel(t, { loadsForever: true }), model: 'a' };
    const [a, b] = [start(t, group, held), start(t, group, { model: 'b' })];
    await until(() => modelProcesses().length > 0);
    process.kill(modelProcesses()[0]!, 'SIGKILL');
    const message = /"a": its process of group "small" ended while loading \(signal SIGKILL\)/;
    await assert.rejects(a, { kind: 'load_failed', message, attributes: { workerEnded: true } });
    assert.deepEqual(yOf(await (await b).run(2)), [3]);
    assert.equal(modelProcesses().length, 1);
  });
});

describe('the process of a group that grows', () => {
  it('is replaced under load, model by model, and no request fails', async (t) => {
    const group = newGroup();
    const options = { ceilingBytes: GROWN_BYTES };
    const members = [
      await start(t, group, { ...options, model: 'a' }),
      await start(t, group, { ...options, model: 'b' }),
    ];
    const [before] = modelProcesses();
    await members[0]!.run(WHEN.grow);
    while (members.some(({ events }) => events.length === 0)) {
      for (const result of await Promise.all(members.map(({ run }) => run(2)))) assert.deepEqual(yOf(result), [3]);
    }
    for (const { events } of members) assert.deepEqual(whats(events), ['recycled']);
    await until(() => isGone(before!) && group.group.processes.length === 1);
    assert.deepEqual(
      group.group.processes.map(({ models }) => models),
      [['a', 'b']],
    );
  });

  it('takes no further model', async (t) => {
    const group = newGroup();
    const a = await start(t, group, { model: 'a', ceilingBytes: GROWN_BYTES });
    rmSync(join(a.directory, FAKE_FILE));
    await a.run(WHEN.grow);
    await until(() => whats(a.events).at(-1) === 'kept');
    await start(t, group, { model: 'b', ceilingBytes: GROWN_BYTES });
    assert.deepEqual(
      group.group.processes.map(({ models }) => models),
      [['a'], ['b']],
    );
    // After its file is restored, it moves at the next recycling.
    writeFileSync(join(a.directory, FAKE_FILE), a.file);
    group.clock.advance(RECYCLE_INTERVAL_MS);
    await until(() => whats(a.events).at(-1) === 'recycled');
    assert.deepEqual(group.group.processes.at(-1)!.models, ['b', 'a']);
  });
});

interface TestGroup {
  readonly group: ProcessGroup;
  readonly clock: FakeClock;
}

function newGroup(): TestGroup {
  return { group: new StillGroup('small'), clock: new FakeClock() };
}

async function start(t: TestContext, { group, clock }: TestGroup, overrides: Partial<ProcessHostOptions>) {
  const events: WorkerEvent[] = [];
  const options = { ...fakeModel(t), slots: 1, clock, processGroup: group };
  const onWorkerEvent = (event: WorkerEvent): number => events.push(event);
  const host = await startProcessHost({ ...options, onWorkerEvent, ...overrides });
  t.after(() => host.close());
  const run = (...values: number[]): Promise<BatchResult> => host.executor.run(batchOf(...values));
  const directory = options.versionDirectory;
  return { host, events, run, directory, file: readFileSync(join(directory, FAKE_FILE)) };
}

function unloadable(t: TestContext): ReturnType<typeof fakeModel> {
  const broken = fakeModel(t);
  writeFileSync(join(broken.versionDirectory, FAKE_FILE), '{');
  return broken;
}

function whats(events: readonly WorkerEvent[]): readonly string[] {
  return events.map(({ what }) => what);
}

/** Waits, with turns of the event loop, until the condition holds. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
