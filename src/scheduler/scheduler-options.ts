/**
 * TensorFlow Serving's batching knobs, with its names and meaning. Nobody needs them: the defaults batch whatever waits
 * when a slot comes free and hold nothing back.
 */
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
}
