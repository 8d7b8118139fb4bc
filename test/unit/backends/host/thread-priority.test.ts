import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, constants, getPriority } from 'node:os';
import process from 'node:process';
import { describe, it } from 'node:test';
import { startThreadHost } from '../../../../src/backends/host/thread/thread-host.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { fakeModel } from '../../../support/fake-model.ts';

/** Nice values of this process's threads; empty if the kernel does not show them. */
function niceValues(): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc/self/task').map((thread) => {
    // The name, in parentheses, may contain spaces; nice is the 17th field after it.
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  });
}

describe('A worker thread', () => {
  it('leaves the core to the event loop when both want it', async (t) => {
    const own = getPriority();
    const before = niceValues();
    const host = await startThreadHost({ ...fakeModel(t), slots: 1, clock: systemClock });
    t.after(() => host.close());
    const isLinux = process.platform === 'linux';
    const lower = Math.min(constants.priority.PRIORITY_LOW, own + 5);
    const isLowered = isLinux && availableParallelism() > 1 && lower > own;
    assert.equal(getPriority(), own, 'the event loop is as it was');
    assert.equal(before.filter((nice) => nice > own).length, 0);
    assert.equal(niceValues().filter((nice) => nice === lower).length, isLowered ? 1 : 0);
  });

  it('leaves the core to everybody where nobody waits for its runs', async (t) => {
    const host = await startThreadHost({ ...fakeModel(t), slots: 1, clock: systemClock, isBackground: true });
    t.after(() => host.close());
    const isLinux = process.platform === 'linux';
    const own = getPriority();
    assert.ok(own < constants.priority.PRIORITY_LOW);
    const lowest = niceValues().filter((nice) => nice === constants.priority.PRIORITY_LOW);
    assert.equal(lowest.length, isLinux ? 1 : 0);
  });
});
