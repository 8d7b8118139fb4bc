/** The options of a scheduler. Only the objective may be worth setting; the rest has defaults or is learned. */

/**
 * - slack: runs are predicted and deadlines decide (policy/slack-policy.ts, admission/admission.ts); the default.
 * - greedy: first come, first served. Requests are refused only when the queue is full, and dropped when they have
 *   expired.
 * - edf: earliest deadline first, in the largest batch that the head's deadline allows. No request is refused because
 *   it would be late. `greedy` and `edf` exist for comparison.
 */
export const SCHEDULER_KINDS = ['slack', 'greedy', 'edf'] as const;
export type SchedulerKind = (typeof SCHEDULER_KINDS)[number];

export interface SchedulerOptions {
  /** Most rows in one run. Larger requests are split. */
  readonly maxBatchSize: number;
  /** Nobody has configured it: a version whose runs take next to no time gets a larger one. Default: false. */
  readonly mayBeLarger?: boolean | undefined;
  /**
   * How long the oldest task may wait for a fuller batch while a slot is free, in microseconds. 0 (default) = it does
   * not wait.
   */
  readonly batchTimeoutMicros: number;
  /** How many full batches may wait; more requests are refused with `overloaded`. */
  readonly maxEnqueuedBatches: number;
  /**
   * Sizes that a run may have, ascending, the last equal to maxBatchSize. A batch is padded to the next size. Empty
   * (default) = any size.
   */
  readonly allowedBatchSizes: readonly number[];
  /** Most bytes that one session's runs of several rows may take beyond that of one row. Default: EFFICIENT_SIZE_BYTES. */
  readonly batchMemoryBytes?: number | undefined;
  /** Resident memory of what runs the model, in bytes. Default: it is not known, and no size is too large. */
  readonly readResident?: (() => number) | undefined;
  /** Runs happen on the event loop now: more bytes than that allows are not tried. Default: they never do. */
  readonly runsInline?: (() => boolean) | undefined;
  /** Default slack. */
  readonly kind?: SchedulerKind | undefined;
  /** Admits only what is very likely to be in time, though that answers less. Default: false. */
  readonly isStrict?: boolean | undefined;
  /**
   * The model's latency objective in ms: a request is due after it if its client set no deadline. Default: learned, 20
   * times the run of one row, at least 50.
   */
  readonly sloMs?: number | undefined;
  /** Weight of the model when worker time is shared in overload; default 1. */
  readonly weight?: number | undefined;
  /** Bytes of inputs that may wait, over all models that share the slots. Default: no limit. */
  readonly maxQueuedBytes?: number | undefined;
  /**
   * The share of the slots' time that a caller may take while others wait or are refused; 0 (default) = no limit.
   */
  readonly callerCoreShare?: number | undefined;
}
