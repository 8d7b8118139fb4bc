import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, getPriority } from 'node:os';
import process from 'node:process';
import { after, describe, it } from 'node:test';
import { processTree } from '../../../bench/support/process-tree.ts';
import { fakeModelFlag } from '../../support/fake-model.ts';
import { killSidecars, startSidecar } from '../../support/sidecar.ts';

/** The nice value in /proc/PID/task/TID/stat, behind the thread's name; proc(5) counts from 3 there. */
const NICE = 19 - 3;

/** Steps of each thread's nice value above this process's own, each step once. */
function stepsOf(pid: number): number[] {
  const steps = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[NICE]) - getPriority();
  });
  return [...new Set(steps)].sort((a, b) => a - b);
}

describe('--run_priority', { skip: process.platform !== 'linux' || availableParallelism() < 2 }, () => {
  after(killSidecars);
  // A model's process has a second thread for heartbeats, which must not wait for the first.
  for (const [args, steps, says] of [
    [['--run_priority=normal'], [0], 'normal'],
    [['--run_priority=low'], [0, 5], 'low'],
    // This test runs in the same control group.
    [[], [0], 'normal'],
  ] as const) {
    it(`${args.join() || 'auto'}: nice values ${steps.join(' and ')} above the event loop's`, async (t) => {
      const models = [fakeModelFlag(t, 'near', ',host=thread'), fakeModelFlag(t, 'far', ',host=process')];
      const sidecar = await startSidecar([...models, ...args]);
      const [server, ...processes] = processTree(sidecar.process.pid!);
      assert.deepEqual(stepsOf(server!), steps);
      assert.equal(processes.length, 1);
      assert.deepEqual(stepsOf(processes[0]!), steps);
      assert.equal(sidecar.lines.find(({ event }) => event === 'machine')?.['run_priority'], says);
      await sidecar.stop();
    });
  }
});
