/**
 * Warms up a version with synthetic batches of all sizes before it is served: on every slot, so that each has its code
 * and memory ready, and timed, so that run times are known before the first request.
 *
 *     rows 1 ▸ every slot at once (not counted) ▸ 3 runs, counted   rows 2 ▸ …   up to the largest batch
 *
 * While other models are served, the sweep pauses after each run for twice the time of the run.
 *
 * A size is not run if it would probably end after SWEEP_BUDGET_MS, or if its input is larger than MAX_INPUT_BYTES. The
 * input is zeros (backends/synthetic-batch.ts), so a failed run proves nothing about the model: the sweep reports it
 * and continues with the next signature.
 */
import { syntheticBatch } from '../../backends/synthetic-batch.ts';
import type { Clock } from '../../core/clock.ts';
import type { Batch, Executor } from '../../core/executor.ts';
import type { Signature } from '../../core/signature.ts';
import { byteLengthOfAll } from '../../core/tensor.ts';

/** The run times of one size, in milliseconds of the runtime's own clock. */
export interface LatencySeed {
  readonly signatureName: string;
  readonly rows: number;
  readonly runMs: readonly number[];
}

export interface SweepOptions {
  readonly executor: Executor;
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly clock: Clock;
  readonly maxBatchSize: number;
  /** Ascending; empty = any size, and the sweep runs 1, 2, 4, … rows. */
  readonly allowedBatchSizes: readonly number[];
  /** Other versions are being served. */
  readonly isGentle?: boolean;
}

export interface SweepFailure {
  readonly signatureName: string;
  readonly rows: number;
  readonly error: unknown;
}

export interface Sweep {
  readonly seeds: readonly LatencySeed[];
  readonly failures: readonly SweepFailure[];
}

/** The time for all signatures of a version together; GENTLE_FACTOR times that while other versions are served. */
export const SWEEP_BUDGET_MS = 1000;
const GENTLE_FACTOR = 3;
const MAX_INPUT_BYTES = 16 * 2 ** 20;
const COUNTED_RUNS = 3;
/** If the first run of a size takes longer, the size is not run again. */
const LONG_RUN_MS = 100;

/** Never rejects. */
export async function sweepBatchSizes(options: SweepOptions): Promise<Sweep> {
  const { clock, signatures, isGentle = false } = options;
  const endsAt = clock.nowMs() + SWEEP_BUDGET_MS * (isGentle ? GENTLE_FACTOR : 1);
  const seeds: LatencySeed[] = [];
  const failures: SweepFailure[] = [];
  for (const [signatureName, signature] of signatures) {
    let lastMs = 0;
    for (const rows of sizesOf(signature, options)) {
      const batch = syntheticBatch(signatureName, signature, rows);
      // Twice the rows may take twice the time, and the slots share the cores.
      const isTooLong = clock.nowMs() + 4 * lastMs > endsAt;
      if (isTooLong || byteLengthOfAll(batch.inputs) > MAX_INPUT_BYTES) break;
      const startedAt = clock.nowMs();
      try {
        seeds.push({ signatureName, rows, runMs: await timeRuns(options, batch) });
      } catch (error) {
        failures.push({ signatureName, rows, error });
        break;
      }
      lastMs = clock.nowMs() - startedAt;
    }
  }
  return { seeds, failures };
}

/** The sizes to run, ascending. */
function sizesOf({ batchAxis }: Signature, { maxBatchSize, allowedBatchSizes }: SweepOptions): readonly number[] {
  if (batchAxis.kind === 'none') return [1];
  if (batchAxis.kind === 'fixed') return [batchAxis.size];
  if (allowedBatchSizes.length > 0) return allowedBatchSizes;
  const sizes: number[] = [];
  for (let size = 1; size < maxBatchSize; size *= 2) sizes.push(size);
  return [...sizes, maxBatchSize];
}

async function timeRuns({ executor, clock, isGentle = false }: SweepOptions, batch: Batch): Promise<readonly number[]> {
  const firstRuns = Array.from({ length: executor.slots }, () => runOnce(executor, clock, batch));
  // Wait for all runs, so that none still runs when the version is unloaded because one has failed.
  const settled = await Promise.allSettled(firstRuns);
  const failed = settled.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const slowest = Math.max(...(await Promise.all(firstRuns)));
  if (slowest > LONG_RUN_MS) return [slowest];
  const times: number[] = [];
  while (times.length < COUNTED_RUNS) {
    if (isGentle) await pause(clock, (GENTLE_FACTOR - 1) * (times.at(-1) ?? slowest));
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
