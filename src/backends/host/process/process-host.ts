/**
 * A model in child processes of its own: worker-host.ts over process-worker.ts. What crashes there ends nothing here: its
 * batch gets `worker_lost`, a new process is started with back-off, and other models do not notice.
 * One that grows over its ceiling is replaced while it serves (worker-slots.ts), one that hangs is ended (pulse-watch.ts).
 *
 * A batch is copied through a socket pair, out and back (frame.ts). What that costs: bench/micro/hosts.ts.
 */
import { startWorkerHost, type WorkerHosted } from '../worker-host.ts';
import type { WorkerHostOptions } from '../worker-slots.ts';
import { ProcessWorker } from './process-worker.ts';

export interface ProcessHostOptions extends WorkerHostOptions {
  /** Memory above which a process is replaced, in bytes; by default none is. */
  readonly ceilingBytes?: number;
  /** Told each line that a process prints. */
  readonly onOutput?: (line: string) => void;
}

/** Starts the processes, one a slot, and resolves when all have loaded. Rejects with `load_failed` when one cannot. */
export function startProcessHost(options: ProcessHostOptions): Promise<WorkerHosted> {
  const { model, versionDirectory, backendKind, loadOptions, isBackground, clock, ceilingBytes, onOutput } = options;
  const load = { versionDirectory, backendKind, loadOptions, isBackground };
  return startWorkerHost(options, () => new ProcessWorker({ model, load, clock, ceilingBytes, onOutput }));
}
