/**
 * Calibration: how long does a model that was just loaded take for a batch? It is measured with synthetic batches
 * (synthetic-batch.ts), so the result is a lower bound for real requests. A host that was chosen by it is therefore
 * watched (inline-host.ts).
 */
import type { Batch } from '../../core/executor.ts';
import { syntheticBatch } from '../synthetic-batch.ts';
import type { HostedSession } from './hosted-session.ts';

/** Run times of the slowest signature, in milliseconds. */
export interface Calibration {
  readonly oneRowMs: number;
  /** Run time of the largest batch; undefined = not measured: it, or one row, is over the limit or has too many bytes. */
  readonly largestMs: number | undefined;
}

/** The first runs initialize code and memory, and are not counted. */
const WARM_UP_RUNS = 3;
/** The result is the median of these, since other processes disturb single runs. */
const COUNTED_RUNS = 7;
/** A run over this many times the limit ends the calibration: it would not warm up, and may take seconds. */
const ABORT_FACTOR = 20;
/** Larger inputs are not tried: copying them alone takes about as long as the limit. */
export const MAX_CALIBRATED_BYTES = 2 ** 20;

/**
 * Runs each signature with one row and, when that takes less than `limitMs`, with the largest batch. Rejects with the
 * error of a run that fails.
 */
export async function calibrate(hosted: HostedSession, maxBatchSize: number, limitMs: number): Promise<Calibration> {
  let oneRowMs = 0;
  let largestMs: number | undefined = 0;
  for (const [name, signature] of hosted.signatures) {
    const { batchAxis } = signature;
    const batchOf = (rows: number): Batch | undefined =>
      syntheticBatch(name, signature, { rows, maxBytes: MAX_CALIBRATED_BYTES });
    const smallest = batchOf(batchAxis.kind === 'fixed' ? batchAxis.size : 1);
    const oneMs = smallest && (await medianRunMs(hosted, smallest, limitMs));
    oneRowMs = Math.max(oneRowMs, oneMs ?? 0);
    const largest = batchAxis.kind === 'dynamic' ? batchOf(maxBatchSize) : smallest;
    if (oneMs === undefined || oneMs > limitMs || largest === undefined) largestMs = undefined;
    else if (largestMs !== undefined)
      largestMs = Math.max(largestMs, largest === smallest ? oneMs : await medianRunMs(hosted, largest, limitMs));
  }
  return { oneRowMs, largestMs };
}

async function medianRunMs({ executor }: HostedSession, batch: Batch, limitMs: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < WARM_UP_RUNS + COUNTED_RUNS; i++) {
    const { runStart, runEnd } = await executor.run(batch);
    const runMs = runEnd! - runStart!;
    if (runMs > ABORT_FACTOR * limitMs) return runMs;
    if (i >= WARM_UP_RUNS) times.push(runMs);
  }
  return times.sort((a, b) => a - b)[COUNTED_RUNS >> 1]!;
}
