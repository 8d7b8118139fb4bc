/**
 * The deadlines of the requests that the application has now, by the ids that it was told: of the trace, and of the
 * request. An inference request that carries one of them was made for such a request, and takes over its deadline.
 *
 *   client ─ 500 ms ─▶ fronted request ─ trace id ─▶ application ─ trace id ─▶ inference: what is left of the 500 ms
 *
 * Several requests of one id may be open: the latest of their deadlines counts, as nobody knows for which of them the
 * inference is. One without a deadline has the latest of all, Infinity.
 */
import { randomInt } from 'node:crypto';
import type { Instant } from '../../core/clock.ts';
import { DenseSet, type DenseSetMember } from '../../core/collections/dense-set.ts';
import type { CarriedDeadlines, RequestArrival } from '../request-lifecycle.ts';

/** Bits enough to be nobody else's: a client that counts its requests must not meet another's. */
const RANDOM_ID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;
/** The buckets of the table: a look-up compares a 256th of the open requests. */
const BUCKETS = 256;

interface Entry extends DenseSetMember {
  readonly id: string;
  at: Instant;
  readonly bucket: DenseSet<Entry>;
}

/** The deadline of one request that the application has. */
export class FrontedDeadline {
  readonly #entries: readonly Entry[];
  readonly #table: FrontedDeadlines;

  /** Made by the table. */
  constructor(table: FrontedDeadlines, entries: readonly Entry[]) {
    this.#table = table;
    this.#entries = entries;
  }

  /** The request is still open, and its deadline holds no more: its answer has begun. */
  lift(): void {
    for (const entry of this.#entries) entry.at = Infinity;
  }

  /** The request is over. A second call has no effect. */
  remove(): void {
    for (const entry of this.#entries) this.#table.leave(entry);
  }
}

export class FrontedDeadlines implements CarriedDeadlines {
  /** The entries by a secret hash of the id. It is no Map, whose members would come and go with every request. */
  readonly #buckets: (DenseSet<Entry> | undefined)[] = Array.from({ length: BUCKETS });
  readonly #seed = randomInt(2 ** 31);
  #size = 0;

  /** Ids of requests that are open, each as often as it has; 0 = nothing is to be looked up. */
  get size(): number {
    return this.#size;
  }

  /**
   * `traceId`, `requestId`: what the application was told; a request id that is not random is not used. `at`: Infinity
   * without a deadline.
   */
  add(traceId: string | undefined, requestId: string | undefined, at: Instant): FrontedDeadline {
    const entries: Entry[] = [];
    if (traceId !== undefined) entries.push(this.#enter(traceId, at));
    if (requestId !== undefined && RANDOM_ID.test(requestId)) entries.push(this.#enter(requestId, at));
    return new FrontedDeadline(this, entries);
  }

  /** The trace id goes first. */
  of({ callerTrace, requestId }: Pick<RequestArrival, 'callerTrace' | 'requestId'>): Instant {
    if (this.#size === 0) return Infinity;
    return this.#latest(callerTrace?.traceId) ?? this.#latest(requestId) ?? Infinity;
  }

  /** Removes an entry. FrontedDeadline calls it. */
  leave(entry: Entry): void {
    if (entry.bucket.remove(entry)) this.#size -= 1;
  }

  #enter(id: string, at: Instant): Entry {
    const place = this.#placeOf(id);
    const bucket = this.#buckets[place] ?? new DenseSet<Entry>();
    this.#buckets[place] = bucket;
    const entry: Entry = { id, at, bucket, setIndex: -1 };
    bucket.add(entry);
    this.#size += 1;
    return entry;
  }

  #latest(id: string | undefined): Instant | undefined {
    if (id === undefined) return undefined;
    let latest: Instant | undefined;
    for (const entry of this.#buckets[this.#placeOf(id)]?.members ?? []) {
      if (entry.id === id) latest = Math.max(latest ?? entry.at, entry.at);
    }
    return latest;
  }

  /** FNV-1a (IETF draft-eastlake-fnv), from a seed of this process; its upper bits. */
  #placeOf(id: string): number {
    let hash = this.#seed;
    for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
    return hash >>> 24;
  }
}
