/** One place for a worker, which is filled again when the worker dies. */
import type { Instant, TimerHandle } from '../../core/clock.ts';
import type { HostWorker } from './host-worker.ts';
import { RestartBackoff } from './restart-backoff.ts';

export interface Slot {
  readonly index: number;
  /** Threads of its workers' runs. */
  readonly threads: number;
  readonly backoff: RestartBackoff;
  worker: HostWorker;
  isAlive: boolean;
  timer: TimerHandle | undefined;
  /** The time of the next restart; Infinity if none is scheduled. */
  restartAt: Instant;
  /** The earliest time of the next recycling. */
  recycleFrom: Instant;
  /** Its worker was taken out, and has no successor. */
  isRemoved: boolean;
}

/** A slot whose worker may still load. */
export function newSlot(index: number, threads: number, worker: HostWorker): Slot {
  return {
    index,
    threads,
    backoff: new RestartBackoff(),
    worker,
    isAlive: false,
    timer: undefined,
    restartAt: Infinity,
    recycleFrom: 0,
    isRemoved: false,
  };
}
