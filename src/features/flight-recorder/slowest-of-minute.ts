/**
 * The slowest requests of the minute in progress, of each model version by itself: a slow model does not hide a fast one.
 *
 *   digits 2   ▐ 8.1 │ 9.0 │ 7.7 │ … ▌  ten places, in the order of their ends; a slower request takes the fastest's
 *   words 1    ▐ 310 │ 295 ▌
 *
 * A list is looked at for each request, and changes for few: for about a hundred of 100,000 in a minute.
 */
import { ByVersion } from '../../ledger/by-version.ts';
import { RequestRing } from '../../ledger/recorder/request-ring.ts';

/** Requests of a version. */
const MOST_EACH = 10;
/** Requests of all versions, when the minute is over. */
export const MOST_SLOWEST = 30;
/** Versions with a list of their own; the others of that minute share one. */
const MOST_LISTS = 30;

/** A request in a list. */
export interface ListedPlace {
  readonly ring: RequestRing;
  readonly place: number;
}

export class SlowestOfMinute {
  #lists = new ByVersion(() => this.#newList());
  #count = 0;
  #shared: SlowestList | undefined;

  /** The list of a version, until `clear`. */
  listOf(model: string, version: string): SlowestList {
    return this.#lists.of(model, version);
  }

  /** The rings of all lists. */
  get rings(): readonly RequestRing[] {
    return this.#all().map(({ ring }) => ring);
  }

  /** The slowest of each version, MOST_SLOWEST at the most, in the order of their ends. */
  slowest(): readonly ListedPlace[] {
    const lists = this.#all();
    const most = Math.max(1, Math.floor(MOST_SLOWEST / lists.length));
    return lists
      .flatMap((list) => list.slowest(most))
      .sort((a, b) => a.ring.endedAt(a.place) - b.ring.endedAt(b.place));
  }

  /** Forgets all requests. */
  clear(): void {
    this.#lists.clear();
    this.#shared = undefined;
    this.#count = 0;
  }

  #all(): readonly SlowestList[] {
    return [...new Set(this.#lists.values())];
  }

  #newList(): SlowestList {
    this.#count += 1;
    if (this.#count < MOST_LISTS) return new SlowestList();
    this.#shared ??= new SlowestList();
    return this.#shared;
  }
}

export class SlowestList {
  readonly ring = new RequestRing(MOST_EACH);
  #count = 0;
  /** The time of the fastest in a full list: only slower ones come in. */
  leastMs = -1;

  /** Copies a request that took longer than `leastMs`. */
  add(from: RequestRing, place: number): void {
    if (this.#count === MOST_EACH) this.ring.remove(this.#fastest());
    else this.#count += 1;
    this.ring.copy(from, place);
    if (this.#count === MOST_EACH) this.leastMs = this.ring.tookAt(this.#fastest());
  }

  slowest(most: number): readonly ListedPlace[] {
    return Array.from({ length: this.#count }, (_, place) => ({ ring: this.ring, place }))
      .sort((a, b) => this.ring.tookAt(b.place) - this.ring.tookAt(a.place))
      .slice(0, most);
  }

  #fastest(): number {
    let fastest = 0;
    for (let place = 1; place < this.#count; place++) {
      if (this.ring.tookAt(place) < this.ring.tookAt(fastest)) fastest = place;
    }
    return fastest;
  }
}
