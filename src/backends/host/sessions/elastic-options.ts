/** The options of a host whose sessions follow the load and the cores, and its events. */
import type { CoreBudget } from '../../../core/core-budget.ts';
import type { SessionPlan } from '../../../core/executor.ts';

export interface ElasticOptions {
  /** The cores that all sessions may use; it may change. */
  readonly budget: CoreBudget;
  /** Runs may have several threads. False: `intraOpThreads` was configured, or the runtime cannot do it. */
  readonly arePlanned: boolean;
  /**
   * Makes sure that one more session fits into memory, and reserves that until the returned function is called. Rejects
   * with `insufficient_memory`. Default: it fits.
   */
  readonly reserveSession?: (() => Promise<() => void>) | undefined;
  /** Called when sessions have changed, for the log. */
  readonly onPlan?: ((event: PlanEvent) => void) | undefined;
}

/**
 * A change of a model's sessions.
 *
 * - `grown`, `not_grown`: a session was opened, or could not be;
 * - `shrunk`: one that was not needed was closed.
 */
export interface PlanEvent {
  readonly what: 'grown' | 'not_grown' | 'shrunk';
  /** The plans after the change. */
  readonly plans: readonly SessionPlan[];
  /** The reason in one clause. */
  readonly reason: string;
}
