/** A thread gets its next batch while it runs another one. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { DEFAULT_SLAB_BYTES } from '../../../src/backends/host/thread/mailbox.ts';
import { startThreadHost } from '../../../src/backends/host/thread/thread-host.ts';
import { systemClock as clock } from '../../../src/core/clock.ts';
import type { Batch, Executor } from '../../../src/core/executor.ts';
import { batchOf, fakeModel, WHEN, yOf } from '../../support/fake-model.ts';

/** With two threads, of which the second batch would otherwise use the other one. */
async function start(t: TestContext, slabBytes: number): Promise<Executor> {
  const host = await startThreadHost({ ...fakeModel(t), slots: 2, clock, slabBytes });
  t.after(() => host.close());
  return host.executor;
}

for (const { carrier, slabBytes } of [
  { carrier: 'in shared memory', slabBytes: DEFAULT_SLAB_BYTES },
  { carrier: 'by message', slabBytes: 1 },
]) {
  describe(`A next batch, ${carrier}`, () => {
    it('runs on the thread of the one before, after it', async (t) => {
      const executor = await start(t, slabBytes);
      assert.equal(executor.takesNext, true);
      const first = batchOf(WHEN.dawdle);
      const [before, next] = await Promise.all([executor.run(first), executor.run(batchOf(4), first)]);
      assert.deepEqual(yOf(next), [4]);
      // The other thread would have begun 10 ms earlier. A millisecond for a clock that is read twice.
      assert.ok(next.runStart! >= before.runEnd! - 1);
    });

    it('has its own answer, one after the other', async (t) => {
      const executor = await start(t, slabBytes);
      let before = batchOf(WHEN.dawdle);
      const runs = [executor.run(before)];
      for (const value of [4, 6, 8, 10]) {
        const next = batchOf(value);
        runs.push(executor.run(next, before));
        await runs.at(-2);
        before = next;
      }
      assert.deepEqual((await Promise.all(runs)).slice(1).map(yOf), [[4], [5], [6], [7]]);
    });

    it('runs like any other when the one before has ended', async (t) => {
      const executor = await start(t, slabBytes);
      const ended = batchOf(2);
      await executor.run(ended);
      const both = await Promise.all([executor.run(batchOf(4), ended), executor.run(batchOf(6), ended)]);
      assert.deepEqual(both.map(yOf), [[4], [5]]);
    });

    it('is answered when the one before fails', async (t) => {
      const executor = await start(t, slabBytes);
      const failing = batchOf(WHEN.fail);
      const [first, second] = await Promise.allSettled([executor.run(failing), executor.run(batchOf(2), failing)]);
      assert.equal(first.status === 'rejected' && first.reason.kind, 'backend_failed');
      assert.deepEqual(second.status === 'fulfilled' && yOf(second.value), [3]);
    });

    it('is lost with its thread, and may be sent again', async (t) => {
      const executor = await start(t, slabBytes);
      const dying = batchOf(WHEN.exit);
      const lost = await Promise.allSettled([executor.run(dying), executor.run(batchOf(2), dying)]);
      for (const each of lost) assert.equal(each.status === 'rejected' && each.reason.kind, 'worker_lost');
      assert.deepEqual(yOf(await executor.run(batchOf(2))), [3]);
    });

    it('is not given to the thread after its deadline, and the thread goes on', async (t) => {
      const executor = await start(t, slabBytes);
      const first = batchOf(WHEN.dawdle);
      const late: Batch = { ...batchOf(2), deadline: clock.nowMs() - 1 };
      const [running, refused] = await Promise.allSettled([executor.run(first), executor.run(late, first)]);
      assert.equal(running.status, 'fulfilled');
      assert.equal(refused.status === 'rejected' && refused.reason.kind, 'deadline_exceeded');
      const three = await Promise.all([2, 4, 6].map((value) => executor.run(batchOf(value))));
      assert.deepEqual(three.map(yOf), [[3], [4], [5]]);
    });
  });
}

it('a thread takes no next batch while another batch waits, so that it comes free', async (t) => {
  const executor = await start(t, DEFAULT_SLAB_BYTES);
  const running = [executor.run(batchOf(WHEN.dawdle)), executor.run(batchOf(WHEN.dawdle))];
  assert.equal(executor.takesNext, true);
  const waiting = executor.run(batchOf(4));
  assert.equal(executor.takesNext, false);
  assert.deepEqual(yOf(await waiting), [4]);
  assert.equal(executor.takesNext, true);
  await Promise.all(running);
});

it('a thread without a mailbox takes no next batch', async (t) => {
  const executor = await start(t, 0);
  assert.equal(executor.takesNext, false);
  const first = batchOf(WHEN.dawdle);
  const results = await Promise.all([executor.run(first), executor.run(batchOf(4), first)]);
  assert.deepEqual(yOf(results[1]!), [4]);
});
