/**
 * The streams of a connection: which are open, and for those that are not, why.
 *
 *    1   3   5   7   9   11   13 …            ids of clients are odd and only grow
 *    │   │       │   │         └ lastId ─▶ idle: above it nothing has begun
 *    │   │       │   └ open: in the table
 *    │   │       └ closed: in the ring of the latest, with who closed it
 *    └───┴ closed long ago, or skipped
 *
 * Frames for a closed stream are a mistake of the client, unless we closed it: then they may have been under way.
 */
import type { ServerStream } from './stream.ts';
import { StreamTable } from './stream-table.ts';

export const Closed = {
  /** Not among the latest. */
  UNKNOWN: 0,
  /** Both sides had said END_STREAM, or the client sent RST_STREAM. */
  BY_CLIENT: 1,
  BY_US: 2,
} as const;

/** More than the frames that are under way for when a client hears of a reset. A power of two. */
const REMEMBERED = 256;

export class StreamRegistry {
  readonly #open = new StreamTable<ServerStream>();
  readonly #closedIds = new Uint32Array(REMEMBERED);
  readonly #closedHow = new Uint8Array(REMEMBERED);
  #closedCount = 0;
  /** The highest id that has begun; 0 = none. */
  lastId = 0;

  get size(): number {
    return this.#open.size;
  }

  get(id: number): ServerStream | undefined {
    return this.#open.get(id);
  }

  add(stream: ServerStream): void {
    this.#open.add(stream);
  }

  /** Of a stream that is open or was refused. @param how of Closed */
  close(id: number, how: number): void {
    this.#open.delete(id);
    const at = this.#closedCount++ % REMEMBERED;
    this.#closedIds[at] = id;
    this.#closedHow[at] = how;
  }

  /** We have sent RST_STREAM for a stream that was closed: now the client is to be given time to hear of it. */
  resetAgain(id: number): void {
    const at = this.#closedIds.indexOf(id);
    if (at === -1) this.close(id, Closed.BY_US);
    else this.#closedHow[at] = Closed.BY_US;
  }

  /** Of a stream that is not open and not idle. */
  howClosed(id: number): number {
    const at = this.#closedIds.indexOf(id);
    return at === -1 ? Closed.UNKNOWN : this.#closedHow[at]!;
  }

  isIdle(id: number): boolean {
    return id > this.lastId || id % 2 === 0;
  }

  /** All open ones; the caller may close them meanwhile. */
  all(): readonly ServerStream[] {
    return this.#open.toArray();
  }
}
