/**
 * A model in child processes: worker-host.ts over sessions in its own processes, or in one that the models of its group
 * share. A crash fails the batch with `worker_crashed` (with
 * `worker_lost` where another process killed it), and a new process is started after a back-off; models in other
 * processes are not affected. A process over its memory ceiling is replaced while it serves (worker-slots.ts); one that
 * hangs is killed (heartbeat-monitor.ts).
 *
 * A batch is copied through a socket pair, out and back (frame.ts). bench/micro/hosts.ts measures the cost.
 */
import { filesOf } from '../host-worker.ts';
import { startWorkerHost, type WorkerHosted } from '../worker-host.ts';
import type { WorkerHostOptions } from '../worker-host-options.ts';
import { ModelProcess } from './model-process.ts';
import type { ProcessGroup } from './process-group.ts';
import type { Sandbox } from './sandbox.ts';

export interface ProcessHostOptions extends WorkerHostOptions {
  /** The group whose process it shares; by default each slot has its own process. */
  readonly processGroup?: ProcessGroup | undefined;
  /** The sandbox of its processes; by default only their environment is filtered. */
  readonly sandbox?: Sandbox | undefined;
  /** Resident memory above which a process is replaced, in bytes; by default there is no limit. */
  readonly ceilingBytes?: number;
  /** Called with each line that a process prints, and the traceparent of the current run, if that is known. */
  readonly onOutput?: (line: string, traceparent: string | undefined) => void;
}

/** Starts one session for each slot and resolves when all have loaded. Rejects with `load_failed` when one cannot. */
export async function startProcessHost(options: ProcessHostOptions): Promise<WorkerHosted> {
  const { model, versionDirectory, backendModule, loadOptions, priority, clock, ceilingBytes, onOutput } = options;
  const { processGroup, sandbox, endsAbandonedRuns } = options;
  const common = { clock, ceilingBytes, onOutput, sandbox };
  await sandbox?.prepare();
  return startWorkerHost(options, (index, _pool, threads) => {
    const ofThreads = { ...loadOptions, intraOpThreads: threads, slot: index };
    const load = { versionDirectory, backendModule, loadOptions: ofThreads, priority };
    if (processGroup !== undefined) return processGroup.open(model, load, common);
    const own = {
      ...common,
      endsAbandonedRuns,
      name: model,
      isShared: false,
      loadOptions: ofThreads,
      files: filesOf(load),
    };
    return new ModelProcess(own).open(model, load);
  });
}
