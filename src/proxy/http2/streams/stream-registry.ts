/**
 * The streams of a connection: those that are open, and who closed the latest of those that are not.
 *
 *    1   3   5   7   9   11   13 …            client ids are odd and only grow
 *    │   │       │   │         └ lastId ─▶ idle: above it nothing has begun
 *    │   │       │   └ open: in the table
 *    │   │       └ closed: in the ring of the latest, with who closed it
 *    └───┴ closed long ago, or skipped
 *
 * Frames for a closed stream are a mistake of the client, unless the server closed it: then they may have been under
 * way.
 */
import type { ServerStream } from './stream.ts';

/** A power of two. */
const FIRST_SLOTS = 8;

/**
 * The open streams of a connection, by id: a hash table with open addressing. Ids are odd and grow, so that streams
 * that follow each other fall into neighbouring slots.
 *
 *   id 5 ─▶ (5 >> 1) & 7 = 2      slots  [ · ][ · ][ 5 ][ 7 ][ 21 ][ · ][ · ][ · ]
 *   id 21 ─▶ 2, taken: the next free one      0    1    2    3    4    5    6    7
 *
 * The table is at most half full, so that searches are short. Deleting moves later streams forward, so that there are
 * no tombstones. get, add, delete: O(1), without an allocation unless the table grows. Why no Map: proxy/request-context.ts.
 */
export class StreamTable<T extends { readonly id: number }> {
  #slots: (T | undefined)[] = emptySlots(FIRST_SLOTS);
  /** The number of streams. */
  size = 0;

  get(id: number): T | undefined {
    return this.#slots[this.#find(id)];
  }

  /** The id must not be in the table. */
  add(stream: T): void {
    this.size += 1;
    if (this.size * 2 > this.#slots.length) this.#grow();
    this.#slots[this.#find(stream.id)] = stream;
  }

  delete(id: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let free = this.#find(id);
    if (slots[free] === undefined) return;
    this.size -= 1;
    // A stream before the next gap moves into the free slot unless its search begins behind that slot.
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

  /** A copy: streams may be added and deleted while the caller iterates. */
  toArray(): readonly T[] {
    return this.#slots.filter((stream) => stream !== undefined);
  }

  /** The slot of the id, or the free slot where it belongs. */
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

export const Closed = {
  /** The stream is not among the latest. */
  UNKNOWN: 0,
  /** Both sides sent END_STREAM, or the client sent RST_STREAM. */
  BY_CLIENT: 1,
  BY_US: 2,
} as const;

/** More streams than a client may have frames under way for when it receives a reset. A power of two. */
const REMEMBERED = 256;

export class StreamRegistry extends StreamTable<ServerStream> {
  readonly #closedIds = new Uint32Array(REMEMBERED);
  readonly #closedHow = new Uint8Array(REMEMBERED);
  #closedCount = 0;
  /** The highest id that has begun; 0 = none. */
  lastId = 0;

  /** Closes a stream that is open or was refused. @param how one of Closed */
  close(id: number, how: number): void {
    this.delete(id);
    const at = this.#closedCount++ % REMEMBERED;
    this.#closedIds[at] = id;
    this.#closedHow[at] = how;
  }

  /** Notes that RST_STREAM was sent for a closed stream: its frames are ignored from then on. */
  resetAgain(id: number): void {
    const at = this.#closedIds.indexOf(id);
    if (at === -1) this.close(id, Closed.BY_US);
    else this.#closedHow[at] = Closed.BY_US;
  }

  /** Returns one of Closed, for a stream that is neither open nor idle. */
  howClosed(id: number): number {
    const at = this.#closedIds.indexOf(id);
    return at === -1 ? Closed.UNKNOWN : this.#closedHow[at]!;
  }

  isIdle(id: number): boolean {
    return id > this.lastId || id % 2 === 0;
  }
}
