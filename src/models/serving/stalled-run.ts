/** Tells of a run that goes on for much longer than it should: its runtime may be stuck. Nothing is ended by that. */
import type { Instant } from '../../core/clock.ts';
import type { RunSoFar } from '../../scheduler/scheduler.ts';
import type { ServableRunner } from './servable.ts';

/** A run of less is none of anybody's business yet. */
const LEAST_MS = 10_000;
const MOST_TIMES_EXPECTED = 10;
/** The same for a run of which nothing was expected. */
const UNEXPECTED_MS = 60_000;

export interface StalledRun extends RunSoFar {
  readonly ms: number;
}

/** The longest run of a version, if it has stalled. */
export function stalledRun({ longestRun }: Pick<ServableRunner, 'longestRun'>, now: Instant): StalledRun | undefined {
  if (longestRun === undefined) return undefined;
  const { since, expectedMs } = longestRun;
  const ms = now - since;
  const most = expectedMs === undefined ? UNEXPECTED_MS : Math.max(LEAST_MS, MOST_TIMES_EXPECTED * expectedMs);
  return ms > most ? { ...longestRun, ms } : undefined;
}
