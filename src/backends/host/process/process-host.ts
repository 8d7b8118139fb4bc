/**
 * A model in child processes: worker-host.ts over sessions in processes of its own, or in one that it shares with the other
 * models of its group. What crashes there ends nothing here: its batch gets `worker_lost`, a new process is started with
 * back-off, and models outside it do not notice. One that grows over its ceiling is replaced while it serves
 * (worker-slots.ts), one that hangs is ended (pulse-watch.ts).
 *
 * A batch is copied through a socket pair, out and back (frame.ts). What that costs: bench/micro/hosts.ts.
 */
import { startWorkerHost, type WorkerHosted } from '../worker-host.ts';
import type { WorkerHostOptions } from '../worker-slots.ts';
import { ModelProcess } from './model-process.ts';
import type { ProcessGroup } from './process-group.ts';

export interface ProcessHostOptions extends WorkerHostOptions {
  /** Shares its process with these models; by default it has processes of its own, one a slot. */
  readonly processGroup?: ProcessGroup | undefined;
  /** Memory above which a process is replaced, in bytes; by default none is. */
  readonly ceilingBytes?: number;
  /** Told each line that a process prints, with the traced run that it printed it in, where that is known. */
  readonly onOutput?: (line: string, traceparent: string | undefined) => void;
}

/** Starts the sessions, one a slot, and resolves when all have loaded. Rejects with `load_failed` when one cannot. */
export function startProcessHost(options: ProcessHostOptions): Promise<WorkerHosted> {
  const { model, versionDirectory, backendKind, loadOptions, isBackground, clock, ceilingBytes, onOutput } = options;
  const { processGroup } = options;
  const load = { versionDirectory, backendKind, loadOptions, isBackground };
  const common = { clock, ceilingBytes, onOutput };
  return startWorkerHost(options, () =>
    processGroup === undefined
      ? new ModelProcess({ ...common, name: model, isShared: false, loadOptions }).open(model, load)
      : processGroup.open(model, load, common),
  );
}
