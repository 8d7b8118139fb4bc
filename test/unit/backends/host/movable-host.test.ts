import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostedSession } from '../../../../src/backends/host/hosted-session.ts';
import { MeasuredShapes } from '../../../../src/backends/host/measured-shapes.ts';
import { MovableHost } from '../../../../src/backends/host/movable-host.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { batchOf } from '../../../support/fake-model.ts';
import { PuppetExecutor } from '../../../support/puppet-executor.ts';
import { turn } from '../../../support/turns.ts';

describe('a host that moves', () => {
  it('runs on the first until the next has started, then on the next; the first ends its runs', async () => {
    const [first, next] = [new PuppetHost(1), new PuppetHost(2)];
    let started!: (host: HostedSession) => void;
    const host = new MovableHost(first, () => new Promise((resolve) => (started = resolve)));
    const before = host.run(lentBatch(host));
    const moved = host.move();
    assert.equal(host.slots, 1);
    assert.deepEqual([first.executor.runs.length, next.executor.runs.length], [1, 0]);
    started(next);
    await turn();
    assert.equal(host.slots, 2);
    const after = host.run(lentBatch(host));
    assert.deepEqual([first.executor.runs.length, next.executor.runs.length], [1, 1]);
    for (const { executor } of [first, next]) executor.runs[0]!.complete();
    await Promise.all([before, after]);
    first.closed();
    assert.equal(await moved, true);
    assert.deepEqual([first.closes, next.closes], [1, 0]);
  });

  it('stays where it is when the next does not start', async () => {
    const first = new PuppetHost(1);
    const host = new MovableHost(first, () => Promise.reject(new ServingError('load_failed', 'gone')));
    await assert.rejects(host.move(), /gone/);
    const run = host.run(lentBatch(host));
    first.executor.runs[0]!.complete();
    await run;
    first.closed();
    await host.close();
    assert.equal(first.closes, 1);
  });

  it('keeps its listener, and tells it of the move', async () => {
    const [first, next] = [new PuppetHost(1), new PuppetHost(2)];
    const host = new MovableHost(first, async () => next);
    const heard: number[] = [];
    host.onSlots = () => heard.push(host.slots);
    first.executor.onSlots?.();
    first.closed();
    await host.move();
    next.executor.onSlots?.();
    assert.deepEqual(heard, [1, 2, 2]);
    assert.equal(first.executor.onSlots, undefined, 'the old host is not heard any more');
  });

  it('tells of the slot that a run beside it adds, and of its end', async () => {
    const [first, beside] = [new PuppetHost(1), new PuppetHost(1)];
    const measured = { shapes: new MeasuredShapes(new Map(), 8), limitMs: 1, clock: new FakeClock() };
    const host = new MovableHost(first, async () => beside, measured);
    const heard: number[] = [];
    host.onSlots = () => heard.push(host.slots);
    const data = new Uint8Array(beside.executor.allocate(4), 0, 4);
    const run = host.run({ ...batchOf(1), inputs: new Map([['x', { dtype: 'float32', shape: [1], data }]]) });
    assert.deepEqual(heard, [2]);
    await turn();
    beside.executor.runs[0]!.complete();
    await run;
    assert.deepEqual(heard, [2, 1]);
    assert.equal(first.executor.runs.length, 0);
  });

  it('closes what it had begun to start when it is closed meanwhile', async () => {
    const [first, next] = [new PuppetHost(1), new PuppetHost(2)];
    let started!: (host: HostedSession) => void;
    const host = new MovableHost(first, () => new Promise((resolve) => (started = resolve)));
    const moved = host.move();
    const closed = Promise.all([host.close(), host.close()]);
    first.closed();
    started(next);
    next.closed();
    await closed;
    assert.equal(await moved, false);
    assert.deepEqual([first.closes, next.closes, host.slots], [1, 1, 1]);
  });

  it('starts one next host, and none after close', async () => {
    let starts = 0;
    const [first, next] = [new PuppetHost(1), new PuppetHost(2)];
    const host = new MovableHost(first, async () => {
      starts += 1;
      return next;
    });
    first.closed();
    next.closed();
    assert.deepEqual(await Promise.all([host.move(), host.move()]), [true, true]);
    await host.close();
    assert.equal(starts, 1);
    const closed = new MovableHost(first, async () => assert.fail('started'));
    await closed.close();
    assert.equal(await closed.move(), false);
  });
});

/** A host whose close ends when the test says so. */
class PuppetHost implements HostedSession {
  readonly warnings = [];
  readonly signatures = new Map();
  readonly executor: PuppetExecutor;
  closes = 0;
  closed!: () => void;
  readonly #closed = new Promise<void>((resolve) => {
    this.closed = resolve;
  });

  constructor(slots: number) {
    this.executor = new PuppetExecutor(slots);
  }

  close(): Promise<void> {
    this.closes += 1;
    return this.#closed;
  }
}

function lentBatch(host: MovableHost) {
  const data = new Uint8Array(host.allocate(4), 0, 4);
  return { ...batchOf(1), inputs: new Map([['x', { dtype: 'float32', shape: [1], data } as const]]) };
}
