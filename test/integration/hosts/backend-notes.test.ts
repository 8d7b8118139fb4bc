import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type BackendNote, BackendNotes } from '../../../src/backends/host/backend-notes.ts';
import type { HostedSession } from '../../../src/backends/host/hosted-session.ts';
import { startInlineHost } from '../../../src/backends/host/inline-host.ts';
import { startProcessHost } from '../../../src/backends/host/process/process-host.ts';
import { startThreadHost } from '../../../src/backends/host/thread/thread-host.ts';
import type { WorkerHostOptions } from '../../../src/backends/host/worker-host-options.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { ServingError } from '../../../src/core/errors.ts';
import type { FakeModel } from '../../support/fake-backend.ts';
import { batchOf, fakeModel, yOf } from '../../support/fake-model.ts';
import { StillGroup } from '../../support/still-group.ts';

type Start = (options: WorkerHostOptions) => Promise<HostedSession>;

const inGroup: Start = (options) => startProcessHost({ ...options, processGroup: new StillGroup('g') });
const HOSTS: readonly { where: string; start: Start; model?: Partial<FakeModel> }[] = [
  { where: 'on the serving thread', start: startInlineHost },
  { where: 'in a thread, by shared memory', start: startThreadHost },
  { where: 'in a thread, by message', start: (options) => startThreadHost({ ...options, slabBytes: 0 }) },
  { where: 'in a process', start: startProcessHost },
  { where: 'in the event loop of a process', start: startProcessHost, model: { isAsynchronous: true } },
  { where: 'in a process that is shared', start: inGroup },
];

/** Options of a fake model, and what its backend tells. */
function told(t: TestContext, model: Partial<FakeModel>, more: Partial<WorkerHostOptions> = {}) {
  const notes: BackendNote[] = [];
  const fake = fakeModel(t, model);
  const loadOptions = { ...fake.loadOptions, model: 'm', version: 3n, parameters: new Map([['greet', 'you']]) };
  const onNotes = (some: readonly BackendNote[]): number => notes.push(...some);
  const options: WorkerHostOptions = { ...fake, loadOptions, slots: 1, clock: systemClock, onNotes, ...more };
  return { notes, options };
}

for (const { where, start, model } of HOSTS) {
  describe(`what a backend tells, ${where}`, () => {
    it('reaches the server: lines with what it knows of itself, and values of its runs', async (t) => {
      const { notes, options } = told(t, { ...model, isTalkative: true });
      const host = await start(options);
      t.after(() => host.close());
      assert.deepEqual(yOf(await host.executor.run(batchOf(2, 4))), [3, 4]);
      await host.executor.run(batchOf(2));
      // What it tells of a run may come after the answer, but not after the end.
      await host.close();
      assert.deepEqual(notes, [
        { kind: 'log', level: 'info', text: 'm:3 in slot 0 greets you' },
        { kind: 'count', name: 'runs', amount: 1 },
        { kind: 'set', name: 'rows', value: 2 },
        { kind: 'count', name: 'runs', amount: 1 },
        { kind: 'set', name: 'rows', value: 1 },
      ]);
    });
  });
}

describe('a load that nobody needs any more', () => {
  for (const { where, start, model } of HOSTS) {
    it(`ends, ${where}`, async (t) => {
      const abort = new AbortController();
      const { options } = told(t, { ...model, loadsForever: true }, { signal: abort.signal });
      const loading = start(options);
      setImmediate(() => abort.abort());
      await assert.rejects(loading);
    });
  }

  it('is not begun', async (t) => {
    const { options } = told(t, { loadsForever: true }, { signal: AbortSignal.abort() });
    await assert.rejects(startThreadHost(options));
  });

  it('has the reason of the backend, in a thread', async (t) => {
    const { options } = told(t, { loadsForever: true });
    const abort = new AbortController();
    const loading = startThreadHost({ ...options, signal: abort.signal });
    setImmediate(() => abort.abort());
    await assert.rejects(loading, (error: ServingError) => /nobody needs it/.test(error.message));
  });
});

describe('notes', () => {
  it('collect values until they are flushed, and send lines at once', () => {
    const sent: (readonly BackendNote[])[] = [];
    const notes = new BackendNotes((some) => sent.push(some));
    const { log, metrics } = notes.services;
    metrics.count('hits');
    metrics.count('hits', 2);
    metrics.set('size', 5);
    metrics.set('size', 4);
    log.warn('x'.repeat(10_000));
    notes.flush();
    notes.flush();
    assert.deepEqual(sent, [
      [{ kind: 'log', level: 'warn', text: 'x'.repeat(4096) }],
      [
        { kind: 'count', name: 'hits', amount: 3 },
        { kind: 'set', name: 'size', value: 4 },
      ],
    ]);
  });

  it('refuse names that could not be metrics, and more than a few', () => {
    const { metrics } = new BackendNotes(() => undefined).services;
    for (const name of ['', 'Hits', 'a b', '9', 'a"b', 'x'.repeat(64)]) {
      assert.throws(() => metrics.count(name), /is no name of a metric/);
    }
    assert.throws(() => metrics.count('hits', Number.NaN), /no finite number/);
    for (let i = 0; i < 32; i++) metrics.set(`value_${i}`, i);
    assert.throws(() => metrics.set('one_more', 1), /at most 32/);
    metrics.set('value_3', 7);
  });
});
