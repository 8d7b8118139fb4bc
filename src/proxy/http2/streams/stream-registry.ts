/**
 * The streams of a connection: those that are open, and who closed the latest of those that are not.
 *
 *    1   3   5   7   9   11   13 …            client ids are odd and only grow
 *    │   │       │   │         └ lastId ─▶ idle: above it nothing has begun
 *    │   │       │   └ open: in the table (stream-table.ts)
 *    │   │       └ closed: in the ring of the latest, with who closed it
 *    └───┴ closed long ago, or skipped
 *
 * Frames for a closed stream are a mistake of the client, unless the server closed it: then they may have been under
 * way.
 */
import type { ServerStream } from './stream.ts';
import { StreamTable } from './stream-table.ts';

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
