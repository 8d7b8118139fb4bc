/**
 * Values by names that strangers choose, at most `most` of them. When it is full, a new name takes the place of one that
 * may be forgotten. Where none of the oldest may, the new name gets `spare`, one value for all such names: so whoever
 * invents names can push out nobody who is there.
 *
 *   oldest                        newest
 *   [ idle ][ busy ][ idle ][ … ]           new name: "busy" moves to the end, "idle" makes room
 */
import type { Instant } from '../clock.ts';

/** The most values that a new name looks at. */
const MOST_LOOKS = 8;

export interface RecentTableOptions<T> {
  readonly most: number;
  readonly make: (name: string, now: Instant) => T;
  readonly mayForget: (value: T, now: Instant) => boolean;
  readonly spare: T;
}

export class RecentTable<T> {
  readonly #options: RecentTableOptions<T>;
  readonly #byName = new Map<string, T>();
  #lastName: string | undefined;
  #last: T;

  constructor(options: RecentTableOptions<T>) {
    this.#options = options;
    this.#last = options.spare;
  }

  get size(): number {
    return this.#byName.size;
  }

  /** All values but the spare one. */
  values(): Iterable<T> {
    return this.#byName.values();
  }

  /** The value of the name: it may be made, or be the spare one. */
  of(name: string, now: Instant): T {
    if (name === this.#lastName) return this.#last;
    const value = this.#byName.get(name) ?? this.#add(name, now);
    if (value === this.#options.spare) return value;
    this.#lastName = name;
    this.#last = value;
    return value;
  }

  #add(name: string, now: Instant): T {
    const { most, make, spare } = this.#options;
    if (this.#byName.size >= most && !this.#makeRoom(now)) return spare;
    const value = make(name, now);
    this.#byName.set(name, value);
    return value;
  }

  #makeRoom(now: Instant): boolean {
    let looks = 0;
    for (const [name, value] of this.#byName) {
      this.#byName.delete(name);
      if (this.#options.mayForget(value, now)) {
        if (name === this.#lastName) this.#lastName = undefined;
        return true;
      }
      this.#byName.set(name, value);
      looks += 1;
      if (looks === MOST_LOOKS) break;
    }
    return false;
  }
}
