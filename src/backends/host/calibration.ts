/**
 * Calibration: how long does a model that was just loaded take for a batch? It is measured with synthetic batches
 * (synthetic-batch.ts), so the result is a lower bound for real requests. A host that was chosen by it is therefore
 * watched (inline-host.ts).
 */
import { type Batch, LARGE_ROW_BYTES } from '../../core/executor.ts';
import type { Signature } from '../../core/signature.ts';
import { byteLengthOfAll } from '../../core/tensor.ts';
import { syntheticBatch } from '../synthetic-batch.ts';
import type { HostedSession } from './hosted-session.ts';

/** Run times of the slowest signature, in milliseconds: of its best run, as others wait for cores. */
export interface Calibration {
  readonly oneRowMs: number;
  /**
   * Run time of the largest batch, or of the largest of up to MAX_CALIBRATED_BYTES; undefined = not measured: one row is
   * over the limit, or has more bytes.
   */
  readonly largestMs: number | undefined;
}

/** The result is the best of these: the first initialize code and memory, and other processes disturb the rest. */
const RUNS = 10;
/** Two runs over this many times the limit end the calibration: they would not warm up, and one may take seconds. */
const ABORT_FACTOR = 20;
/** Larger inputs are not tried: copying them together alone takes about as long as the limit. */
export const MAX_CALIBRATED_BYTES = 2 ** 20;

/**
 * Runs each signature with one row and, when that takes less than `limitMs`, with the largest batch that may be tried.
 * Rejects with the error of a run that fails.
 */
export async function calibrate(hosted: HostedSession, maxBatchSize: number, limitMs: number): Promise<Calibration> {
  let oneRowMs = 0;
  let largestMs: number | undefined = 0;
  for (const [name, signature] of hosted.signatures) {
    const { batchAxis } = signature;
    const smallest = calibrationBatch(name, signature, batchAxis.kind === 'fixed' ? batchAxis.size : 1);
    const oneMs = smallest && (await bestRunMs(hosted, smallest, limitMs));
    oneRowMs = Math.max(oneRowMs, oneMs ?? 0);
    const largest = batchAxis.kind === 'dynamic' ? largestBatch(name, signature, maxBatchSize) : smallest;
    if (oneMs === undefined || oneMs > limitMs || largest === undefined) largestMs = undefined;
    else if (largestMs !== undefined)
      largestMs = Math.max(largestMs, largest === smallest ? oneMs : await bestRunMs(hosted, largest, limitMs));
  }
  return { oneRowMs, largestMs };
}

/**
 * A batch of so many rows; where that may not be tried, and rows are run one by one first, of half as many, a quarter ….
 * Undefined: none of them may be tried.
 */
export function largestBatch(name: string, signature: Signature, maxRows: number): Batch | undefined {
  const whole = calibrationBatch(name, signature, maxRows);
  const one = whole === undefined ? calibrationBatch(name, signature, 1) : undefined;
  if (one === undefined || byteLengthOfAll(one.inputs) < LARGE_ROW_BYTES) return whole;
  let rows = Math.floor(MAX_CALIBRATED_BYTES / byteLengthOfAll(one.inputs));
  rows = Math.min(maxRows, 2 ** Math.floor(Math.log2(rows)));
  return calibrationBatch(name, signature, rows);
}

function calibrationBatch(name: string, signature: Signature, rows: number): Batch | undefined {
  return syntheticBatch(name, signature, { rows, maxBytes: MAX_CALIBRATED_BYTES });
}

async function bestRunMs({ executor }: HostedSession, batch: Batch, limitMs: number): Promise<number> {
  let bestMs = Infinity;
  for (let i = 0; i < RUNS; i++) {
    const { runStart, runEnd } = await executor.run(batch);
    bestMs = Math.min(bestMs, runEnd! - runStart!);
    // Not after one: on a busy machine it may have waited for a core.
    if (i > 0 && bestMs > ABORT_FACTOR * limitMs) break;
  }
  return bestMs;
}
