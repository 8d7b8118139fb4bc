import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Batch } from '../../../src/core/executor.ts';
import { SharedCores } from '../../../src/features/what-if/simulation/shared-cores.ts';
import { SimulatedExecutor, type SimulatedRuns } from '../../../src/features/what-if/simulation/simulated-executor.ts';
import { SimulatedLoop } from '../../../src/features/what-if/simulation/simulated-loop.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const COSTS = { batchMs: 1, answerMs: 0.5 };

describe('a simulated executor', () => {
  let clock: FakeClock;
  let cores: SharedCores;
  let loop: SimulatedLoop;
  let ends: string[];

  beforeEach(() => {
    clock = new FakeClock();
    cores = new SharedCores(clock, 2);
    loop = new SimulatedLoop(clock, cores);
    ends = [];
  });

  const executorOf = (runs: Partial<SimulatedRuns>): SimulatedExecutor =>
    new SimulatedExecutor({ slots: 1, workMs: (_name, rows) => 10 + rows, ...runs }, { clock, cores, loop }, COSTS);
  const batchOf = (size: number): Batch => ({
    ...{ signatureName: 's', inputs: new Map(), outputs: ['y'], size, deadline: Infinity },
  });
  const note = (executor: SimulatedExecutor, name: string, batch: Batch, after?: Batch): void =>
    void executor.run(batch, after).then(({ outputs, runEnd }) => {
      assert.deepEqual(outputs.get('y')!.shape, [batch.size, 1]);
      ends.push(`${name} ${runEnd! - 1000} ${clock.nowMs() - 1000}`);
    });
  const finish = async (): Promise<void> => {
    const settle = async (): Promise<void> => {
      do await new Promise((resolve) => setImmediate(resolve));
      while (loop.next());
    };
    await settle();
    while (clock.nextAt < Infinity) {
      clock.advance(Math.max(0, clock.nextAt - clock.nowMs()));
      await settle();
    }
  };

  it('runs on the cores, and answers on the event loop', async () => {
    note(executorOf({}), 'a', batchOf(2));
    await finish();
    assert.deepEqual(ends, ['a 12 14']);
    assert.deepEqual([cores.busyMs, cores.loopMs], [12, 2]);
  });

  it('begins a batch that it was given early when the one before it ends, not when that is answered', async () => {
    const executor = executorOf({ takesNext: true });
    const first = batchOf(2);
    note(executor, 'a', first);
    note(executor, 'b', batchOf(4), first);
    await finish();
    // The loop's core is another one: b runs from 12 on.
    assert.deepEqual(ends, ['a 12 14', 'b 26 29']);
    note(executor, 'c', batchOf(1), first);
    await finish();
    assert.equal(ends[2], 'c 40 41.5', 'a batch that has ended holds none up');
  });

  it('runs on the event loop, or elsewhere, without a core', async () => {
    note(executorOf({ place: 'elsewhere' }), 'elsewhere', batchOf(10));
    await finish();
    assert.deepEqual([cores.busyMs, ends[0]], [0, 'elsewhere 20 26']);
    const inline = executorOf({ place: 'loop', takesNext: true });
    assert.deepEqual([inline.isInline, inline.takesNext], [true, false]);
    note(inline, 'inline', batchOf(2));
    await finish();
    assert.deepEqual([cores.busyMs, cores.loopMs, ends[1]], [0, 6 + 12 + 2, 'inline 38 40']);
  });

  it('opens one session after the other, up to the most, and says when it has', async () => {
    const executor = executorOf({ maxSlots: 2, openMs: 100 });
    const seen: string[] = [];
    executor.onSlots = () => seen.push(`${executor.slots} at ${clock.nowMs() - 1000}`);
    executor.grow();
    executor.grow();
    await finish();
    executor.grow();
    await finish();
    assert.deepEqual(seen, ['2 at 100']);
  });
});
