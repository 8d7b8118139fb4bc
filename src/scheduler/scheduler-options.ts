/**
 * What may be set of a scheduler. Nobody needs to set anything but, perhaps, the objective: the defaults learn the rest.
 */

/**
 * - slack: deadlines, predicted (policy/slack-policy.ts, admission/admission.ts); the default.
 * - greedy: first come, first served; refused only when the queue is full, expired ones dropped when their turn comes.
 * - edf: earliest deadline first, in the largest batch that the head's deadline allows; nothing is refused for being
 *   predicted late. These two are there to compare with.
 */
export const SCHEDULER_KINDS = ['slack', 'greedy', 'edf'] as const;
export type SchedulerKind = (typeof SCHEDULER_KINDS)[number];

export interface SchedulerOptions {
  /** Most rows in one run. Larger requests are cut into several. */
  readonly maxBatchSize: number;
  /**
   * How long the oldest task may wait for company while a slot is free, in microseconds. 0 (default) = it never waits
   * for company.
   */
  readonly batchTimeoutMicros: number;
  /** How many full batches may wait; past that requests are refused with `overloaded`. */
  readonly maxEnqueuedBatches: number;
  /**
   * Sizes that a run may have, ascending, the last equal to maxBatchSize; a batch is padded to the next one. Empty
   * (default) = any size.
   */
  readonly allowedBatchSizes: readonly number[];
  /** Requests whose rows differ in shape share runs, padded to the largest (batch/pad-rows.ts). Default false. */
  readonly padVariableLengthInputs?: boolean | undefined;
  /** Default slack. */
  readonly kind?: SchedulerKind | undefined;
  /**
   * The model's latency objective in ms: when a request is due whose client set no deadline. Default: learned, 20 times
   * what a run of one row takes, at least 50.
   */
  readonly sloMs?: number | undefined;
  /** Share of worker time beside other models when there is too little of it; default 1. */
  readonly weight?: number | undefined;
  /** Bytes of inputs that may wait, over all models that share their slots. Default: no bound but the rows. */
  readonly maxQueuedBytes?: number | undefined;
}
