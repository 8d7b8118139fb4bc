/** The options of a host whose sessions follow the load and the cores, and its events. */
import type { CoreBudget } from '../../../core/core-budget.ts';

export interface ElasticOptions {
  /** The cores that all sessions may use; it may change. */
  readonly budget: CoreBudget;
  /** The threads of a run may be changed. False: `intraOpThreads` was configured, or the runtime cannot do it. */
  readonly arePlanned: boolean;
  /** Rows of the largest batch. */
  readonly maxBatchSize: number;
  /**
   * Makes sure that one more session fits into memory, and reserves that until the returned function is called. Rejects
   * with `insufficient_memory`. Default: it fits.
   */
  readonly reserveSession?: (() => Promise<() => void>) | undefined;
  /** For the log. */
  readonly onPlan?: ((event: PlanEvent) => void) | undefined;
}

/**
 * A change of a model's sessions.
 *
 * - `tried`: its runs have another number of threads, to see whether more is answered;
 * - `changed`: they have it for good;
 * - `kept`: the trial brought nothing, and they have the number of before;
 * - `unchanged`: they should have, but the new session could not be opened;
 * - `grown`, `not_grown`: a session was opened, or could not be;
 * - `shrunk`: one that was not needed was closed.
 */
export interface PlanEvent {
  readonly what: 'tried' | 'changed' | 'kept' | 'unchanged' | 'grown' | 'not_grown' | 'shrunk';
  /** As they are afterwards. */
  readonly threads: number;
  readonly sessions: number;
  /** One clause. */
  readonly reason: string;
}
