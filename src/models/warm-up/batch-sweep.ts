/**
 * Warms up a version with synthetic batches of all sizes before it is served: on every slot, so that each has its code
 * and memory ready, and timed, so that run times are known before the first request.
 *
 *     rows 1 ▸ every slot at once (not counted) ▸ 3 runs, counted   rows 2 ▸ …   up to the largest batch
 *
 * While other models are served, the sweep pauses after each run for twice the time of the run.
 *
 * The very first run also prepares the runtime (TensorFlow optimizes the graph). If it takes long, that size begins again.
 *
 * A size is not run if it would probably end after SWEEP_BUDGET_MS, or if its input is larger than MAX_TRIAL_BYTES. The
 * input is zeros (backends/synthetic-batch.ts), so a failed run proves little about the model: the sweep reports it
 * and continues with the next signature. Free dims beside the batch are 1; if a model refuses that (an image of one
 * pixel), the smallest batch is tried with other sizes, and the first that runs is kept for larger batches.
 *
 * Large rows are run one by one: a run of many could take gigabytes, and batch/efficient-batch-size.ts begins with one.
 *
 * Where no largest batch is configured, sizes beyond the default are run while a row gets much cheaper by it and the run
 * takes next to no time: to cut a request of 4,096 rows for a model that adds two numbers costs several times its run.
 */
import { syntheticBatch } from '../../backends/synthetic-batch.ts';
import type { Clock, Instant } from '../../core/clock.ts';
import { toServingError } from '../../core/errors.ts';
import { type Batch, type Executor, LARGE_ROW_BYTES } from '../../core/executor.ts';
import { formatShape } from '../../core/shape.ts';
import type { Signature } from '../../core/signature.ts';
import { byteLengthOfAll } from '../../core/tensor.ts';
import { MAX_TRIAL_BYTES } from '../../core/trial-inputs.ts';
import {
  EFFICIENT_SIZE_COST_SHARE,
  EFFICIENT_SIZE_SHORT_RUN_MS,
  MOST_SMALL_ROWS,
  MOST_SMALL_ROWS_BYTES,
  MOST_SMALL_ROWS_MS,
  SMALL_ROWS_COST_SHARE,
} from '../../scheduler/tuning.ts';

/** The run times of one size, in milliseconds of the runtime's own clock. */
export interface LatencySeed {
  readonly signatureName: string;
  readonly rows: number;
  /** The size of its free dims beside the batch; absent = it has none. */
  readonly length?: number;
  readonly runMs: readonly number[];
}

export interface SweepOptions {
  readonly executor: Executor;
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly clock: Clock;
  readonly maxBatchSize: number;
  /** Larger sizes are run, too, while they take next to no time. Default: false. */
  readonly mayBeLarger?: boolean | undefined;
  /** Batch sizes, ascending; empty = any size, and the sweep runs 1, 2, 4, … rows. */
  readonly allowedBatchSizes: readonly number[];
  /** Other versions are being served. */
  readonly isGentle?: boolean;
  /** Sizes of free dims beside the batch, in the order in which they are tried; at least one. Default: FREE_DIMS. */
  readonly freeDims?: readonly number[];
}

export interface SweepFailure {
  readonly signatureName: string;
  readonly rows: number;
  /** The shapes that were tried last: `x [1,3,224,224]`. */
  readonly shapes: string;
  readonly error: unknown;
  /** The smallest batch was refused, whatever its free dims: nothing of the signature has run. */
  readonly isSmallest: boolean;
}

export interface Sweep {
  readonly seeds: readonly LatencySeed[];
  /** Most rows of a run that are worth it for every signature; more than `maxBatchSize` only if it may be larger. */
  readonly maxBatchSize: number;
  readonly failures: readonly SweepFailure[];
}

/** The time for all signatures of a version together; GENTLE_FACTOR times that while other versions are served. */
export const SWEEP_BUDGET_MS = 1000;
const GENTLE_FACTOR = 3;
const COUNTED_RUNS = 3;
/** If a size's first run takes longer, it is that size's time, and the size is not run again. */
const LONG_RUN_MS = 100;

/** Sizes of free dims beside the batch, in the order in which they are tried. */
const FREE_DIMS: readonly number[] = [1, 2, 8, 32, 224];
/** Sizes with which the times of two runtimes can be compared. */
export const SAME_FREE_DIMS: readonly number[] = [1];

/** Never rejects. */
export async function sweepBatchSizes(options: SweepOptions): Promise<Sweep> {
  const { clock, signatures, isGentle = false, maxBatchSize } = options;
  const endsAt = clock.nowMs() + SWEEP_BUDGET_MS * (isGentle ? GENTLE_FACTOR : 1);
  const all: SignatureSweep[] = [];
  for (const [name, signature] of signatures) all.push(await sweepSignature(options, name, signature, endsAt));
  const largest = all.map(({ seeds }) => seeds.at(-1)?.rows ?? 0);
  return {
    seeds: all.flatMap(({ seeds }) => seeds),
    failures: all.flatMap(({ failure }) => failure ?? []),
    maxBatchSize: Math.max(maxBatchSize, Math.min(MOST_SMALL_ROWS, ...largest)),
  };
}

interface SignatureSweep {
  readonly seeds: readonly LatencySeed[];
  readonly failure: SweepFailure | undefined;
}

async function sweepSignature(
  options: SweepOptions,
  signatureName: string,
  signature: Signature,
  endsAt: Instant,
): Promise<SignatureSweep> {
  const { freeDims = FREE_DIMS, maxBatchSize } = options;
  const seeds: LatencySeed[] = [];
  let frees = hasFreeDims(signature) ? freeDims : freeDims.slice(0, 1);
  let lastMs = 0;
  for (const rows of sizesOf(signature, options)) {
    const attempt = await firstThatRuns(options, { signatureName, signature, rows, frees, endsAt, lastMs });
    if (attempt === undefined) break;
    const isBeyond = rows > maxBatchSize && signature.batchAxis.kind === 'dynamic';
    if ('error' in attempt) {
      const failure = { signatureName, rows, ...attempt, isSmallest: seeds.length === 0 };
      return { seeds, failure: isBeyond ? undefined : failure };
    }
    const { runMs, free: length } = attempt;
    const seed = { signatureName, rows, ...(hasFreeDims(signature) && { length }), runMs };
    const before = seeds.at(-1);
    const isWorthIt = before === undefined || (isBeyond ? isWorthBeyond(seed, before) : isWorth(seed, before));
    if (isWorthIt || !isBeyond) seeds.push(seed);
    if (!isWorthIt || attempt.isLarge) break;
    frees = [attempt.free];
    lastMs = attempt.tookMs;
  }
  return { seeds, failure: undefined };
}

/** A larger size is not run where rows cost the same in this one: it would take its memory for nothing. */
function isWorth(seed: LatencySeed, before: LatencySeed): boolean {
  return (
    Math.min(...seed.runMs) <= EFFICIENT_SIZE_SHORT_RUN_MS || rowMs(seed) <= EFFICIENT_SIZE_COST_SHARE * rowMs(before)
  );
}

function isWorthBeyond(seed: LatencySeed, before: LatencySeed): boolean {
  return Math.min(...seed.runMs) <= MOST_SMALL_ROWS_MS && rowMs(seed) <= SMALL_ROWS_COST_SHARE * rowMs(before);
}

function rowMs({ rows, runMs }: LatencySeed): number {
  return Math.min(...runMs) / rows;
}

interface Attempts {
  readonly signatureName: string;
  readonly signature: Signature;
  readonly rows: number;
  readonly frees: readonly number[];
  readonly endsAt: Instant;
  /** How long the size before took. */
  readonly lastMs: number;
}

type Attempt =
  | {
      readonly runMs: readonly number[];
      readonly free: number;
      readonly tookMs: number;
      /** Its rows are run one by one until requests show that more are worth it: nothing larger is run at load. */
      readonly isLarge: boolean;
    }
  | { readonly error: unknown; readonly shapes: string };

/** Runs a size with the first free dims that the model takes. Undefined: it was not run, for its time or its bytes. */
async function firstThatRuns(options: SweepOptions, attempts: Attempts): Promise<Attempt | undefined> {
  const { clock } = options;
  const { signatureName, signature, rows, frees, endsAt, lastMs } = attempts;
  let failed: Attempt | undefined;
  for (const free of frees) {
    const maxBytes = rows > options.maxBatchSize ? MOST_SMALL_ROWS_BYTES : MAX_TRIAL_BYTES;
    const batch = syntheticBatch(signatureName, signature, { rows, free, maxBytes });
    // Twice the rows may take twice the time, and the slots share the cores.
    const isTooLong = clock.nowMs() + 4 * lastMs > endsAt;
    if (isTooLong || batch === undefined) break;
    try {
      let startedAt = clock.nowMs();
      let slowest = await runOnEverySlot(options, batch);
      if (lastMs === 0 && slowest > LONG_RUN_MS && clock.nowMs() < endsAt) {
        if (options.isGentle === true) await pause(clock, (GENTLE_FACTOR - 1) * slowest);
        startedAt = clock.nowMs();
        slowest = await runOnEverySlot(options, batch);
      }
      const runMs = slowest > LONG_RUN_MS ? [slowest] : await timeRuns(options, batch, slowest);
      const isLarge = options.allowedBatchSizes.length === 0 && byteLengthOfAll(batch.inputs) >= LARGE_ROW_BYTES * rows;
      return { runMs, free, tookMs: clock.nowMs() - startedAt, isLarge };
    } catch (error) {
      failed = {
        error,
        shapes: [...batch.inputs].map(([name, { shape }]) => `${name} ${formatShape(shape)}`).join(', '),
      };
      // This is no refusal: the run ended its process, or was ended after a long time. Others would do the same.
      const { kind } = toServingError(error);
      if (kind === 'worker_lost' || kind === 'worker_crashed') break;
    }
  }
  return failed;
}

function hasFreeDims({ inputs, batchAxis }: Signature): boolean {
  const from = batchAxis.kind === 'dynamic' ? 1 : 0;
  return [...inputs.values()].some(({ shape }) => shape?.slice(from).includes(-1));
}

/** The sizes to run, ascending. */
function sizesOf({ batchAxis, padding }: Signature, options: SweepOptions): readonly number[] {
  const { maxBatchSize, allowedBatchSizes, mayBeLarger = false } = options;
  if (batchAxis.kind === 'none') return [1];
  if (batchAxis.kind === 'fixed') return [batchAxis.size];
  if (allowedBatchSizes.length > 0) return allowedBatchSizes;
  const sizes: number[] = [];
  for (let size = 1; size < maxBatchSize; size *= 2) sizes.push(size);
  sizes.push(maxBatchSize);
  if (!mayBeLarger || padding !== undefined) return sizes;
  for (let size = 2 * maxBatchSize; size <= MOST_SMALL_ROWS; size *= 2) sizes.push(size);
  return sizes;
}

/** The time of the slowest. */
async function runOnEverySlot({ executor, clock }: SweepOptions, batch: Batch): Promise<number> {
  const runs = Array.from({ length: executor.slots }, () => runOnce(executor, clock, batch));
  // Wait for all runs, so that none still runs when the version is unloaded because one has failed.
  const settled = await Promise.allSettled(runs);
  const failed = settled.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return Math.max(...(await Promise.all(runs)));
}

async function timeRuns(options: SweepOptions, batch: Batch, beforeMs: number): Promise<readonly number[]> {
  const { executor, clock, isGentle = false } = options;
  const times: number[] = [];
  while (times.length < COUNTED_RUNS) {
    if (isGentle) await pause(clock, (GENTLE_FACTOR - 1) * (times.at(-1) ?? beforeMs));
    times.push(await runOnce(executor, clock, batch));
  }
  if (isGentle) await pause(clock, (GENTLE_FACTOR - 1) * times.at(-1)!);
  return times;
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(clock.nowMs() + ms, resolve);
  });
}

async function runOnce(executor: Executor, clock: Clock, batch: Batch): Promise<number> {
  const startedAt = clock.nowMs();
  const { runStart = startedAt, runEnd = clock.nowMs() } = await executor.run(batch);
  return runEnd - runStart;
}
