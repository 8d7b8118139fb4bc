/** Faults of worker threads and of models' processes. */
import process from 'node:process';
import { modelProcesses } from '../../test/support/child-processes.ts';
import type { Fault, Stage } from './fault.ts';
import { addFakeVersion, fakeVictim, VICTIM, WHEN } from './victim-models.ts';
import { until } from './waiting.ts';

const POLLING = ['--file_system_poll_wait_seconds=1', '--load_retry_interval_micros=100000'];
const NO_LOSS = { allowedRefusals: 0, allowedLoss: 0 };

export const PROCESS_FAULTS: readonly Fault[] = [
  {
    name: 'a worker thread dies in a run',
    injection: 'the runtime ends its thread',
    expectation: 'the run is 503, the thread is replaced',
    times: 5,
    ...NO_LOSS,
    server: (directory) => ({ args: [fakeVictim(directory, ',host=thread')] }),
    async inject({ server }) {
      await expectStatus(server.predict(VICTIM, WHEN.exit), [503]);
      await server.untilAnswers(VICTIM);
    },
  },
  {
    name: 'a model’s process dies in a run',
    injection: 'SIGKILL while it runs a batch',
    expectation: 'the run is 503 or answered, the process is replaced',
    times: 5,
    ...NO_LOSS,
    server: (directory) => ({ args: [fakeVictim(directory, ',isolate=true')] }),
    async inject({ server }) {
      const running = server.predict(VICTIM, WHEN.dawdle);
      process.kill(modelProcesses(server.pid)[0]!, 'SIGKILL');
      await expectStatus(running, [200, 503]);
      await server.untilAnswers(VICTIM);
    },
  },
  {
    name: 'a model’s process dies while it loads',
    injection: 'a new version appears; SIGKILL to its process when it starts',
    expectation: 'the old version answers; the new one is loaded again',
    times: 3,
    ...NO_LOSS,
    server: (directory) => ({ args: [fakeVictim(directory, ',isolate=true'), ...POLLING] }),
    async inject(stage, i) {
      const { server, directory } = stage;
      const before = new Set(modelProcesses(server.pid));
      const newcomer = (): number | undefined => modelProcesses(server.pid).find((pid) => !before.has(pid));
      addFakeVersion(directory, i + 2);
      await until('the new version’s process starts', () => newcomer() !== undefined);
      process.kill(newcomer()!, 'SIGKILL');
      await expectStatus(server.predict(VICTIM, 2), [200]);
      await untilServed(stage, String(i + 2));
    },
  },
  {
    name: 'a model’s process dies while it is unloaded',
    injection: 'a new version is served; SIGKILL to the old one’s process',
    expectation: 'the new version answers',
    times: 3,
    ...NO_LOSS,
    server: (directory) => ({ args: [fakeVictim(directory, ',isolate=true'), ...POLLING] }),
    async inject(stage, i) {
      const { server, directory } = stage;
      const [old] = modelProcesses(server.pid);
      addFakeVersion(directory, i + 2);
      await until('the new version is served', async () => (await server.versionsOf(VICTIM)).includes(String(i + 2)));
      killIfThere(old!);
      await untilServed(stage, String(i + 2));
    },
  },
  {
    name: 'a model’s process is stopped',
    injection: 'SIGSTOP',
    expectation: 'its silence is noticed, and it is replaced',
    times: 2,
    ...NO_LOSS,
    server: (directory) => ({ args: [fakeVictim(directory, ',isolate=true')] }),
    async inject({ server }) {
      const [pid] = modelProcesses(server.pid);
      process.kill(pid!, 'SIGSTOP');
      await until('another process takes its place', () => {
        const pids = modelProcesses(server.pid);
        return pids.length > 0 && !pids.includes(pid!);
      });
      await server.untilAnswers(VICTIM);
    },
  },
];

async function untilServed({ server }: Stage, version: string): Promise<void> {
  await until(`version ${version} alone is served`, async () => (await server.versionsOf(VICTIM)).join() === version);
  await server.untilAnswers(VICTIM);
}

async function expectStatus(answer: Promise<number>, allowed: readonly number[]): Promise<void> {
  const status = await answer;
  if (!allowed.includes(status)) throw new Error(`the victim heard ${status}, and ${allowed.join(' or ')} is wanted`);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It had ended already.
  }
}
