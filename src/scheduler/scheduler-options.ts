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

/** Rows. Past this a CPU's per-row time no longer falls (measured: a 128-512-512-10 MLP, 5.1–6.8 µs a row at 32–128). */
export const DEFAULT_MAX_BATCH_SIZE = 64;
export const DEFAULT_BATCH_TIMEOUT_MICROS = 0;
/** 6,400 rows at the default batch size: enough for any burst that a deadline of seconds can still serve. */
export const DEFAULT_MAX_ENQUEUED_BATCHES = 100;
