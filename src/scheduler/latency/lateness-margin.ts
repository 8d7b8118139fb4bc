/**
 * The time that admission keeps free between its forecast and the deadline; below 0 where forecasts are too dark. It
 * follows what became of the requests at the edge, on both sides of it: an admitted one that was late says that the margin
 * was too small, and a refused one that would have been in time says that it was too large. What would have become of a
 * refused request is known when the next one that is admitted, which took its place, has ended:
 *
 *   refused    ╳ ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈ due      the next one in its place was answered before this: a false refusal
 *   admitted      ╰─ waits ─▓ run ▓│ ┈┈┈ due
 *
 *   margin   ╱╲___      ╱╲____           late: up by (1 − lateShare) steps
 *   ────────╱     ╲____╱      ╲_____     a false refusal: down by lateShare steps
 *
 * So in the long run `lateShare` of the mistakes are late answers, and the others false refusals, whatever made the
 * forecasts wrong. That is a quantile learned by stochastic approximation (Robbins and Monro, "A Stochastic Approximation
 * Method", Annals of Mathematical Statistics 22, 1951).
 *
 * A step is half of what one row of a full batch takes: a late full batch moves the margin by half a run at most. A
 * request that waits less needs less of it: nothing has come in between that could go wrong.
 *
 * Upwards it has room for what holds up any run, such as the event loop; downwards only for what the runs themselves differ
 * by: an answer comes no earlier than they allow.
 */
import { FULL_MARGIN_RUNS, MARGIN_STEP_SHARE, MAX_MARGIN_RUNS, MIN_MAX_MARGIN_MS } from '../tuning.ts';

export class LatenessMargin {
  readonly #lateShare: number;
  #ms = 0;

  /** @param lateShare 0 to 1 */
  constructor(lateShare: number) {
    this.#lateShare = lateShare;
  }

  /** The margin of a request that will wait `waitMs` for full runs of `runMs`, in ms. */
  forWait(waitMs: number, runMs: number): number {
    return this.#ms * Math.min(1, Math.max(0, waitMs) / (FULL_MARGIN_RUNS * runMs));
  }

  /** So many admitted rows were late; a full batch of `batchRows` takes `runMs`. */
  onLate(rows: number, runMs: number, batchRows: number): void {
    this.#move(rows * (1 - this.#lateShare), runMs, batchRows);
  }

  /** So many rows took the place of a refused request, and ended when it would have been in time. */
  onFalseRefusal(rows: number, runMs: number, batchRows: number): void {
    this.#move(-rows * this.#lateShare, runMs, batchRows);
  }

  #move(steps: number, runMs: number, batchRows: number): void {
    const mostMs = MAX_MARGIN_RUNS * runMs;
    const movedMs = this.#ms + (steps * MARGIN_STEP_SHARE * runMs) / batchRows;
    this.#ms = Math.min(Math.max(MIN_MAX_MARGIN_MS, mostMs), Math.max(-mostMs, movedMs));
  }
}
