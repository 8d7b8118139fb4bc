/** What every child process that hosts models does before anything else, and how it ends. */
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { siblingModule } from '../sibling-module.ts';
import { RunWatch } from './run-watch.ts';

/** Of 1000: where memory runs out the kernel is to end a model's process rather than the server. */
const OOM_SCORE = '500';

/**
 * Leaves signals to the server, offers itself to the kernel where memory runs out, survives forgotten promises, and starts
 * the thread that sends pulses and watches for the server's end. Returns what that is told of runs by.
 */
export function prepareChild(): RunWatch {
  // Signals to the whole group, as Ctrl-C sends them, are the server's to act on: it drains first.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.on('unhandledRejection', (reason) => {
    process.emitWarning(reason instanceof Error ? reason : String(reason), 'UnhandledRejectionInBackend');
  });
  preferAsVictim();
  const runs = new RunWatch();
  new Worker(siblingModule(import.meta.url, './child-watch'), { workerData: runs.memory, name: 'watch', execArgv: [] });
  return runs;
}

/** The server is gone: nothing that an orderly end would do is of use to anyone. */
export function endSelf(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('the server is gone');
}

function preferAsVictim(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', OOM_SCORE);
  } catch {
    // Not Linux, or not allowed: the kernel chooses as it does.
  }
}
