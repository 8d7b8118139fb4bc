/**
 * The requests that admission refused lately because they would be late, until their deadlines. A run with room for some
 * of them that ends before they were due says that they were refused in vain.
 *
 *   refused   ╳╳╳╳╳╳                        ┈ due
 *   a run            ░░░▓▓▓▓▓▓▓▓▓▓│ ended: 3 rows of room, 3 false refusals
 *
 * Each is found once. Those of the same ms, of one margin, are kept as one, with the earliest deadline among them.
 */
import type { Instant } from '../../core/clock.ts';
import { MAX_REFUSED_PLACES, SAME_PLACE_MS } from '../tuning.ts';
import type { LatenessMargin } from './lateness-margin.ts';

interface Places {
  readonly at: Instant;
  readonly margin: LatenessMargin;
  due: Instant;
  rows: number;
}

export class RefusedPlaces {
  /** The places, in the order of the refusals. */
  readonly #places: Places[] = [];
  /** A run may find some. A field: each run asks for it. */
  isAny = false;

  /** A request of `rows` was refused now by `margin`. */
  note(rows: number, due: Instant, margin: LatenessMargin, now: Instant): void {
    const last = this.#places.at(-1);
    if (last !== undefined && last.margin === margin && now - last.at < SAME_PLACE_MS) {
      last.rows += rows;
      last.due = Math.min(last.due, due);
      return;
    }
    if (this.#places.length === MAX_REFUSED_PLACES) this.#places.shift();
    this.#places.push({ at: now, margin, due, rows });
    this.isAny = true;
  }

  /** A request of one row was refused now as the last one was. */
  noteAgain(due: Instant, now: Instant): void {
    const last = this.#places.at(-1);
    if (last !== undefined) this.note(1, due, last.margin, now);
  }

  /**
   * A run that started at `start`, with room for `rows` more, was answered: tells the margins, for full runs of
   * `batchRows` that take `runMs`.
   */
  onRoom(rows: number, start: Instant, answeredAt: Instant, runMs: number, batchRows: number): void {
    let room = rows;
    let kept = 0;
    for (const places of this.#places) {
      if (places.due < answeredAt) continue;
      if (room > 0 && places.at <= start) {
        const found = Math.min(room, places.rows);
        room -= found;
        places.rows -= found;
        places.margin.onFalseRefusal(found, runMs, batchRows);
      }
      if (places.rows > 0) this.#places[kept++] = places;
    }
    this.#places.length = kept;
    this.isAny = kept > 0;
  }
}
