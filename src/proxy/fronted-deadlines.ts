/**
 * The deadlines of the requests that the application has now, by the ids that it was told: of the trace, and of the
 * request. An inference request that carries one of them was made for such a request, and takes over its deadline.
 *
 *   client ─ 500 ms ─▶ fronted request ─ trace id ─▶ application ─ trace id ─▶ inference: what is left of the 500 ms
 *
 * Several requests of one id may be open: the latest of their deadlines counts, as nobody knows for which of them the
 * inference is. One without a deadline has the latest of all, Infinity.
 */
import type { Instant } from '../core/clock.ts';
import { Heap, type HeapEntry } from '../core/collections/heap.ts';

/** Bits enough to be nobody else's: a client that counts its requests must not meet another's. */
const RANDOM_ID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;

interface Entry extends HeapEntry {
  readonly id: string;
  readonly at: Instant;
}

type Entries = Heap<Entry>;

/** The deadline of one request that the application has. */
export class FrontedDeadline {
  readonly #ids: readonly string[];
  readonly #table: FrontedDeadlines;
  #entries: Entry[];

  /** Made by the table. */
  constructor(table: FrontedDeadlines, ids: readonly string[], at: Instant) {
    this.#table = table;
    this.#ids = ids;
    this.#entries = ids.map((id) => table.enter(id, at));
  }

  /** The request is still open, and its deadline holds no more: its answer has begun. */
  lift(): void {
    this.remove();
    this.#entries = this.#ids.map((id) => this.#table.enter(id, Infinity));
  }

  /** The request is over. A second call has no effect. */
  remove(): void {
    for (const entry of this.#entries.splice(0)) this.#table.leave(entry);
  }
}

export class FrontedDeadlines {
  readonly #byId = new Map<string, Entries>();

  /** Ids of requests that are open; 0 = nothing is to be looked up. */
  get size(): number {
    return this.#byId.size;
  }

  /**
   * `traceId`, `requestId`: what the application was told; a request id that is not random is not used. `at`: Infinity
   * without a deadline.
   */
  add(traceId: string | undefined, requestId: string | undefined, at: Instant): FrontedDeadline {
    const ids = [traceId, RANDOM_ID.test(requestId ?? '') ? requestId : undefined];
    return new FrontedDeadline(
      this,
      ids.filter((id) => id !== undefined),
      at,
    );
  }

  /** The deadline of an inference request with these ids; Infinity if none is known. The trace id goes first. */
  of(traceId: string | undefined, requestId: string | undefined): Instant {
    const byTrace = traceId === undefined ? undefined : this.#byId.get(traceId);
    const found = byTrace ?? (requestId === undefined ? undefined : this.#byId.get(requestId));
    return found?.peek()?.at ?? Infinity;
  }

  /** For FrontedDeadline. */
  enter(id: string, at: Instant): Entry {
    const entry: Entry = { id, at, heapIndex: -1 };
    let entries = this.#byId.get(id);
    if (entries === undefined) {
      entries = new Heap<Entry>((a, b) => a.at > b.at);
      this.#byId.set(id, entries);
    }
    entries.add(entry);
    return entry;
  }

  /** For FrontedDeadline. */
  leave(entry: Entry): void {
    const entries = this.#byId.get(entry.id)!;
    entries.remove(entry);
    if (entries.size === 0) this.#byId.delete(entry.id);
  }
}
