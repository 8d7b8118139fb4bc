import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { availableParallelism, constants, getPriority } from 'node:os';
import process from 'node:process';
import { before, describe, it, type TestContext } from 'node:test';
import { startThreadHost, type ThreadHostOptions } from '../../../src/backends/host/thread/thread-host.ts';
import { probeSpareCores } from '../../../src/backends/host/thread-priority.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { fakeModel } from '../../support/fake-model.ts';

/** The fields of /proc/PID/task/TID/stat behind the thread's name; proc(5) counts from 3 there. */
const NICE = 19 - 3;
const POLICY = 41 - 3;
const SCHED_IDLE = 5;

/** That field of each of this process's threads; empty if the kernel does not show them. */
function ofThreads(field: number): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc/self/task').flatMap((thread) => {
    const stat = statOf(thread);
    // The name, in parentheses, may contain spaces.
    return stat === undefined ? [] : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[field]);
  });
}

/** Undefined for a thread that has ended. */
function statOf(thread: string): string | undefined {
  try {
    return readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
  } catch {
    return undefined;
  }
}

function niceValues(): number[] {
  return ofThreads(NICE);
}

function lowestOnes(): number {
  return niceValues().filter((nice) => nice === constants.priority.PRIORITY_LOW).length;
}

/** With one thread, of which the next test sees nothing: the kernel shows it for some time after it has ended. */
async function start(t: TestContext, options: Partial<ThreadHostOptions> = {}): Promise<void> {
  const own = getPriority();
  const host = await startThreadHost({ ...fakeModel(t), slots: 1, clock: systemClock, ...options });
  t.after(async () => {
    await host.close();
    while (niceValues().some((nice) => nice > own)) await new Promise((resolve) => setImmediate(resolve));
  });
}

// libuv's threads, which are for good, have the nice value of whoever needs them first. A server has needed them by then.
before(() => access('/'));

describe('A worker thread', () => {
  it('weighs as much as the event loop and as any process beside it', async (t) => {
    await start(t);
    assert.deepEqual([...new Set(niceValues())], process.platform === 'linux' ? [getPriority()] : []);
  });

  it('of low priority leaves the core to the event loop when both want it', async (t) => {
    const own = getPriority();
    const earlier = niceValues();
    await start(t, { priority: { isLow: true } });
    const isLinux = process.platform === 'linux';
    const lower = Math.min(constants.priority.PRIORITY_LOW, own + 5);
    const isLowered = isLinux && availableParallelism() > 1 && lower > own;
    assert.equal(getPriority(), own, 'the event loop is as it was');
    assert.equal(earlier.filter((nice) => nice > own).length, 0);
    assert.equal(niceValues().filter((nice) => nice === lower).length, isLowered ? 1 : 0);
  });

  it('gives way at once to an application beside it, where that is permitted', async (t) => {
    const can = probeSpareCores();
    await start(t, { priority: { onSpareCores: true, isLow: true } });
    const idle = ofThreads(POLICY).filter((policy) => policy === SCHED_IDLE);
    assert.equal(idle.length, can === 'idle' ? 1 : 0);
    assert.equal(lowestOnes(), can === 'unchanged' ? 0 : 1);
  });

  it('has the lowest nice value beside an application, without chrt', async (t) => {
    const path = process.env['PATH'];
    process.env['PATH'] = '/nowhere';
    t.after(() => {
      process.env['PATH'] = path;
    });
    const can = probeSpareCores();
    const isLinux = process.platform === 'linux' && availableParallelism() > 1;
    assert.equal(can, isLinux ? 'lowest_nice' : 'unchanged');
    await start(t, { priority: { onSpareCores: true } });
    assert.equal(ofThreads(POLICY).filter((policy) => policy === SCHED_IDLE).length, 0);
    assert.equal(lowestOnes(), isLinux ? 1 : 0);
  });

  it('leaves the core to everybody where nobody waits for its runs', async (t) => {
    await start(t, { priority: { isBackground: true } });
    const isLinux = process.platform === 'linux';
    const own = getPriority();
    assert.ok(own < constants.priority.PRIORITY_LOW);
    assert.equal(lowestOnes(), isLinux ? 1 : 0);
  });
});
