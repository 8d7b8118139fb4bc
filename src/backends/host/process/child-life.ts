/** How every child process that hosts models starts and ends. */
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { siblingModule } from '../sibling-module.ts';
import { RunTimer } from './heartbeat.ts';

/** oom_score_adj, of 1000 at most: when memory runs out, the kernel kills a model's process rather than the server. */
const OOM_SCORE = '500';

/**
 * Ignores signals, raises the process's OOM score, survives unhandled rejections, and starts the heartbeat thread.
 * Returns the timer that tells that thread of runs.
 */
export function prepareChild(): RunTimer {
  // Ctrl-C signals the whole process group. The server handles it: it drains, and then ends its children.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.on('unhandledRejection', (reason) => {
    process.emitWarning(reason instanceof Error ? reason : String(reason), 'UnhandledRejectionInBackend');
  });
  preferAsVictim();
  const timer = new RunTimer();
  const url = siblingModule(import.meta.url, './heartbeat-entry');
  new Worker(url, { workerData: timer.memory, name: 'heartbeat', execArgv: [] });
  return timer;
}

/** Kills the process at once: the server is gone, and nothing is left to save. */
export function endSelf(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('the server is gone');
}

function preferAsVictim(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', OOM_SCORE);
  } catch {
    // Not Linux, or not allowed.
  }
}
