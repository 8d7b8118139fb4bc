/**
 * How much of its workers' time a model may spend on running failed batches again (isolator.ts): about a tenth of what
 * its ordinary runs take. A client that sends nothing but values that fail then costs its neighbours no more than that.
 *
 *   owed  ▲ a run of a part adds its length
 *         │ a batch that is answered takes off SHARE of its own
 *         └ from the limit on nothing is run again, until enough has been answered
 *
 * The limit is what a few batches may take that fail in a row, so that the first poisoned one after a quiet hour is
 * taken apart whatever ran before it. Durations in ms. Pure.
 */
const SHARE = 0.1;
/** The limit: so many runs of the mean length, and at least so long. */
const LIMIT_RUNS = 20;
const LEAST_LIMIT_MS = 100;

export class RerunBudget {
  #owedMs = 0;

  /** Nothing more is to be run again now. `meanRunMs`: of the model's ordinary runs; undefined = none has ended. */
  isSpent(meanRunMs: number | undefined): boolean {
    return this.#owedMs >= Math.max(LEAST_LIMIT_MS, LIMIT_RUNS * (meanRunMs ?? 0));
  }

  /** An ordinary batch was answered. */
  onRun(ms: number): void {
    if (this.#owedMs > 0) this.#owedMs = Math.max(0, this.#owedMs - SHARE * ms);
  }

  /** A part of a failed batch has had a slot for so long, however it ended. */
  onRerun(ms: number): void {
    this.#owedMs += ms;
  }
}
