/**
 * The work of requests that were admitted as a whole and come part by part (Scheduler.admit). What has not come yet waits
 * outside of the queue, and counts as what waits in it: for forecasts, for other models, and as rows of its caller, so that
 * others go before it where they would go before a large request (callers/holdings.ts).
 *
 *   admitted   ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓
 *   in queue   ▓▓                 its parts, some at a time
 *   promised     ░░░░░░░░░░░░░░   ─▶ less with each part that comes, none once it is released
 */
import type { Instant } from '../../core/clock.ts';
import type { Holding, Holdings } from '../callers/holdings.ts';

/** All that is known of the requests, before they come. */
export interface PromiseFacts {
  readonly holding: Holding;
  readonly rows: number;
  /** Worker time of all its runs. */
  readonly workMs: number;
  /** Its parts' place among what waits. Infinity where no deadline orders them: then each part goes behind what waits. */
  readonly order: Instant;
}

/** An admitted request. Its parts name it in their contexts; whoever has admitted it releases it once. */
export interface AdmittedWork {
  /** So many of its rows wait in the queue now. Only the scheduler calls it. */
  onQueued(rows: number): void;
  /** No further part comes. */
  release(): void;
}

export class PromisedWork {
  readonly #holdings: Holdings;
  readonly #all = new Set<Promised>();

  constructor(holdings: Holdings) {
    this.#holdings = holdings;
  }

  add({ holding, rows, workMs, order }: PromiseFacts): Promised {
    const promised = new Promised(this, holding, rows, workMs / rows, order);
    this.#all.add(promised);
    this.#holdings.promise(holding, rows);
    return promised;
  }

  /** Worker time that goes no later than `order`, in ms. */
  msBefore(order: Instant): number {
    let ms = 0;
    if (this.#all.size > 0) for (const each of this.#all) if (each.order <= order) ms += each.rows * each.rowMs;
    return ms;
  }

  /** Only `Promised` calls it. */
  drop(promised: Promised, rows: number): void {
    this.#holdings.promise(promised.holding, -rows);
    if (promised.rows === 0) this.#all.delete(promised);
  }
}

export class Promised implements AdmittedWork {
  readonly #work: PromisedWork;
  readonly holding: Holding;
  readonly rowMs: number;
  readonly order: Instant;
  /** Rows that have not come. */
  rows: number;

  constructor(work: PromisedWork, holding: Holding, rows: number, rowMs: number, order: Instant) {
    this.#work = work;
    this.holding = holding;
    this.rows = rows;
    this.rowMs = rowMs;
    this.order = order;
  }

  onQueued(rows: number): void {
    const come = Math.min(rows, this.rows);
    if (come === 0) return;
    this.rows -= come;
    this.#work.drop(this, come);
  }

  release(): void {
    this.onQueued(this.rows);
  }
}
