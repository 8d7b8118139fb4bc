/**
 * The open streams of a connection by id, in open addressing: ids are odd and grow, so that those of neighbours fall
 * into neighbouring slots.
 *
 *   id 5 ─▶ (5 >> 1) & 7 = 2      slots  [ · ][ · ][ 5 ][ 7 ][ 21 ][ · ][ · ][ · ]
 *   id 21 ─▶ 2, taken: the next free one      0    1    2    3    4    5    6    7
 *
 * At most half full, so that a search is short. A slot that falls free is filled from behind: there are no tombstones.
 * get, add, delete: O(1), nothing allocated but when it grows. Why no Map: core/dense-set.ts.
 */
export interface Identified {
  readonly id: number;
}

/** A power of two. */
const FIRST_SLOTS = 8;

export class StreamTable<T extends Identified> {
  #slots: (T | undefined)[] = emptySlots(FIRST_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): T | undefined {
    return this.#slots[this.#find(id)];
  }

  /** Of an id that is not in it. */
  add(stream: T): void {
    this.#size += 1;
    if (this.#size * 2 > this.#slots.length) this.#grow();
    this.#slots[this.#find(stream.id)] = stream;
  }

  delete(id: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let free = this.#find(id);
    if (slots[free] === undefined) return;
    this.#size -= 1;
    // Whoever behind it, up to the next gap, would be found from the free slot too, moves there.
    for (let at = (free + 1) & mask; ; at = (at + 1) & mask) {
      const stream = slots[at];
      if (stream === undefined) break;
      const distance = (at - (stream.id >>> 1)) & mask;
      if (distance < ((at - free) & mask)) continue;
      slots[free] = stream;
      free = at;
    }
    slots[free] = undefined;
  }

  /** The streams as they are now. */
  toArray(): readonly T[] {
    return this.#slots.filter((stream) => stream !== undefined);
  }

  /** Where the id stands, or the free slot where it would. */
  #find(id: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = (id >>> 1) & mask;
    for (let stream = slots[at]; stream !== undefined && stream.id !== id; stream = slots[at]) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = emptySlots(2 * before.length);
    for (const stream of before) if (stream !== undefined) this.#slots[this.#find(stream.id)] = stream;
  }
}

function emptySlots<T>(count: number): (T | undefined)[] {
  return new Array<T | undefined>(count).fill(undefined);
}
