/** The work of a signature's batches since it was first used: WORK_NUMBERS numbers that only grow. */
import type { BatchRecord } from '../request-record.ts';

/** Indices of the numbers. The batches, their rows without padding, and those that were of the largest size. */
export const BATCHES = 0;
export const BATCH_ROWS = 1;
export const FULL_BATCHES = 2;
/** Length of the runs, in ms; the same, each run times its threads. */
export const RUN_MS = 3;
export const CORE_MS = 4;
/** The same, as if each batch's rows had run in a full one. */
export const FULL_CORE_MS = 5;
/** The part of that of runs that take none of the shared cores, divided by how many of them go at once. */
export const APART_MS = 6;
export const WORK_NUMBERS = 7;

/** Adds a batch. One that did not begin to run takes nothing. */
export function countWork(work: Float64Array, batch: BatchRecord): void {
  work[BATCHES]! += 1;
  work[BATCH_ROWS]! += batch.rows;
  if (batch.reason === 'full') work[FULL_BATCHES]! += 1;
  if (batch.executeStart <= 0) return;
  const runMs = batch.end - batch.executeStart;
  const coreMs = runMs * batch.threads;
  const { fullShare = 1, ownSlots } = batch;
  work[RUN_MS]! += runMs;
  work[CORE_MS]! += coreMs;
  work[FULL_CORE_MS]! += coreMs * fullShare;
  if (ownSlots !== undefined) work[APART_MS]! += (coreMs * fullShare) / ownSlots;
}

/** A signature's totals. */
interface Working {
  readonly work: Float64Array;
}

/** Remembers the work of signatures as it is when it is made. */
export class WorkMark {
  readonly #before = new Map<Working, Float64Array>();

  constructor(signatures: Iterable<Working>) {
    for (const signature of signatures) this.#before.set(signature, signature.work.slice());
  }

  /** The work of a signature since: WORK_NUMBERS numbers. */
  since(signature: Working): Float64Array {
    const before = this.#before.get(signature);
    return before === undefined ? signature.work : signature.work.map((number, i) => number - before[i]!);
  }
}
