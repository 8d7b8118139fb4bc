/** One kind of measurement on a pair of servers, this checkout's and the pinned one's. */
import type { Checkout } from '../support/checkout.ts';
import type { Both, Sample } from './figures.ts';

export interface JobOptions extends Both<Checkout> {
  /** Directory of what bench/models/export.py writes. */
  readonly models: string;
  /** Seconds of one work at one start, under load, for both together. */
  readonly seconds: number;
  readonly progress: (text: string) => void;
  readonly notice: (text: string) => void;
  /** Ends it before the next measurement, with nothing left running. */
  readonly signal: AbortSignal;
}

export interface Job {
  readonly works: readonly string[];
  /** Starts both servers, measures those works on both in turn, ends both. Rejects if an answer is wrong or missing. */
  measure(start: number, works: readonly string[]): Promise<Sample[]>;
}

/** True if this checkout has the first turn, which changes from turn to turn, and from start to start. */
export function isHereFirst(start: number, turn: number): boolean {
  return (start + turn) % 2 === 0;
}

/** Both measured, one right after the other. */
export async function inTurn<T>(
  isFirstHere: boolean,
  here: () => Promise<T>,
  pinned: () => Promise<T>,
): Promise<Both<T>> {
  if (isFirstHere) return { here: await here(), pinned: await pinned() };
  const second = await pinned();
  return { here: await here(), pinned: second };
}
