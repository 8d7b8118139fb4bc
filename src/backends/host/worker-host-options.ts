/** Options and events of any host that has workers. */
import type { Clock } from '../../core/clock.ts';
import type { BackendNote } from './backend-notes.ts';
import type { WorkerLoad } from './host-worker.ts';
import type { ElasticOptions } from './sessions/elastic-options.ts';

/**
 * A change of a slot's worker. `given_up`: the slot stays empty until the model is loaded again. `recycled`: it was too
 * large and has been replaced. `kept`: it is too large, but its replacement failed to load.
 */
export interface WorkerEvent {
  readonly what: 'lost' | 'restarted' | 'given_up' | 'recycled' | 'kept';
  readonly slot: number;
  /** The reason; empty for 'restarted'. */
  readonly reason: string;
  /** It is the second process of the model, for runs that may end it. Absent = false. */
  readonly isQuarantine?: boolean;
  /** The traceparent of the batch that was lost with it, if it was traced. */
  readonly traceparent?: string | undefined;
}

/** Options of any host that has workers. */
export interface WorkerHostOptions extends WorkerLoad {
  /** The model's name, for messages and thread names. */
  readonly model: string;
  /** Number of workers at the start, and so of concurrent batches. At least 1. */
  readonly slots: number;
  /** More workers may be added later, and their threads changed. Absent = neither. */
  readonly elastic?: ElasticOptions | undefined;
  readonly clock: Clock;
  /**
   * A worker is ended soon after nobody waits for its run any more, or when a trial run takes long: only a process of its
   * own can be. Default: false.
   */
  readonly endsAbandonedRuns?: boolean;
  /** Called when a worker dies, is replaced, or cannot be replaced: for the log and a counter. */
  readonly onWorkerEvent?: (event: WorkerEvent) => void;
  /** Called with what the backend of a session tells. */
  readonly onNotes?: ((notes: readonly BackendNote[], slot: number) => void) | undefined;
  /** Nobody needs the model any more if it is aborted while it loads: the load is given up then. */
  readonly signal?: AbortSignal | undefined;
}
