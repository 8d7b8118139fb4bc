/**
 * The time that admission keeps free between its forecast and the deadline. It follows how many admitted were late: it
 * rises with each that was, and falls with each that was near its deadline and in time, so that in the long run LATE_SHARE
 * of these are late. That is the price of the last that is admitted: fewer late ones would cost many times as many answers.
 *
 *   margin   ╱╲___      ╱╲____           late: up by (1 − LATE_SHARE) steps
 *   ────────╱     ╲____╱      ╲_____     in time: down by LATE_SHARE steps
 *
 * That is a quantile learned by stochastic approximation (Robbins and Monro, "A Stochastic Approximation Method",
 * Annals of Mathematical Statistics 22, 1951): of what the forecasts were short by, it is the 1 − LATE_SHARE quantile,
 * whatever its distribution and whatever made them wrong.
 *
 * Only those that were near the edge count as in time: in a queue that is kept short nothing is late, and the margin for
 * the next burst would be forgotten.
 *
 * A step is half of what one row of a full batch takes: a late full batch moves the margin by half a run. A request that
 * waits less needs less of it: nothing has come in between that could go wrong.
 */
import { FULL_MARGIN_RUNS, LATE_SHARE, MARGIN_STEP_SHARE, MAX_MARGIN_RUNS, MIN_MAX_MARGIN_MS } from '../tuning.ts';

export class LatenessMargin {
  #ms = 0;

  /** The margin of a request that will wait `waitMs` for full runs of `runMs`, in ms. */
  forWait(waitMs: number, runMs: number): number {
    return this.#ms * Math.min(1, Math.max(0, waitMs) / (FULL_MARGIN_RUNS * runMs));
  }

  /**
   * A request that should have been answered `spareMs` before its deadline tried the margin: with more to spare it would
   * have been in time whatever the margin is, and says nothing of it.
   */
  isTried(spareMs: number, runMs: number): boolean {
    return spareMs <= this.#ms + runMs;
  }

  /** `late` and `inTime` admitted rows have ended; a full batch of `batchRows` takes `runMs`. */
  onEnd(late: number, inTime: number, runMs: number, batchRows: number): void {
    const stepMs = (MARGIN_STEP_SHARE * runMs) / batchRows;
    const most = Math.max(MIN_MAX_MARGIN_MS, MAX_MARGIN_RUNS * runMs);
    const moved = this.#ms + stepMs * (late * (1 - LATE_SHARE) - inTime * LATE_SHARE);
    this.#ms = Math.min(most, Math.max(0, moved));
  }
}
