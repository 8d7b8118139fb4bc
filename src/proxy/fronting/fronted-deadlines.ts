/**
 * The deadlines of the requests that the application has now, by the ids that it was told: of the trace, and of the
 * request. An inference request that carries one of them was made for such a request, and takes over its deadline.
 *
 *   client ─ 500 ms ─▶ fronted request ─ trace id ─▶ application ─ trace id ─▶ inference: what is left of the 500 ms
 *
 * Several requests of one id may be open: the latest of their deadlines counts, as nobody knows for which of them the
 * inference is. One without a deadline has the latest of all, Infinity. Once all are over nothing is left: abandoned-ids.ts.
 */
import { randomInt } from 'node:crypto';
import { setImmediate } from 'node:timers';
import type { Instant } from '../../core/clock.ts';
import { DenseSet, type DenseSetMember } from '../../core/collections/dense-set.ts';
import { INFERENCE_METHODS } from '../../ledger/request-record.ts';
import { isInHeader } from '../caller.ts';
import type { CarriedDeadlines } from '../request-lifecycle.ts';
import type { AbandonedIds } from './abandoned-ids.ts';

/** Bits enough to be nobody else's: a client that counts its requests must not meet another's. */
const RANDOM_ID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;
/** The buckets of the table: a look-up compares a 256th of the open requests. */
const BUCKETS = 256;

type Asked = Parameters<CarriedDeadlines['of']>[0];

interface Entry extends DenseSetMember {
  readonly id: string;
  readonly hash: number;
  at: Instant;
  readonly bucket: DenseSet<Entry>;
}

/** The request's caller, as proxy/caller.ts writes it. */
export interface CalledBy {
  readonly caller: string;
}

/** The deadline of one request that the application has. */
export class FrontedDeadline {
  readonly #entries: readonly Entry[];
  readonly #table: FrontedDeadlines;
  readonly #caller: string;

  /** Made by the table. */
  constructor(table: FrontedDeadlines, entries: readonly Entry[], caller: string) {
    this.#table = table;
    this.#entries = entries;
    this.#caller = caller;
  }

  /** The request is still open, and its deadline holds no more: its answer has begun. */
  lift(): void {
    for (const entry of this.#entries) entry.at = Infinity;
  }

  /** The request is over. A second call has no effect, nor one of `abandon` behind it. */
  remove(): void {
    for (const entry of this.#entries) this.#table.leave(entry);
  }

  /** The same, and nobody waits for what is done for it. `hasLeft`: what is under way has not the deadline that has passed. */
  abandon(hasLeft: boolean): void {
    for (const entry of this.#entries) this.#table.leave(entry, this.#caller);
    if (hasLeft) this.#table.tell();
  }
}

export class FrontedDeadlines implements CarriedDeadlines {
  /** The entries by a secret hash of the id. It is no Map, whose members would come and go with every request. */
  readonly #buckets: (DenseSet<Entry> | undefined)[] = Array.from({ length: BUCKETS });
  readonly #seed = randomInt(2 ** 31);
  readonly #abandoned: AbandonedIds | undefined;
  onAbandoned: (() => void) | undefined;
  #isTelling = false;
  #size = 0;

  /** @param abandoned undefined: what is asked for a request that is over is as any other inference */
  constructor(abandoned?: AbandonedIds) {
    this.#abandoned = abandoned;
  }

  /** Ids of requests that are open, each as often as it has; 0 = nothing is to be looked up. */
  get size(): number {
    return this.#size;
  }

  /**
   * `traceId`, `requestId`: what the application was told; a request id that is not random is not used. `at`: Infinity
   * without a deadline. `by`: read only where abandoned requests are known.
   */
  add(traceId: string | undefined, requestId: string | undefined, at: Instant, by?: CalledBy): FrontedDeadline {
    const entries: Entry[] = [];
    if (traceId !== undefined) entries.push(this.#enter(traceId, at));
    if (requestId !== undefined && RANDOM_ID.test(requestId)) entries.push(this.#enter(requestId, at));
    return new FrontedDeadline(this, entries, this.#abandoned === undefined ? '' : (by?.caller ?? ''));
  }

  /** The trace id goes first. */
  of(arrival: Asked): Instant {
    const abandoned = this.#abandoned;
    const { callerTrace, requestId } = arrival;
    if (this.#size > 0) {
      const latest = this.#latest(callerTrace?.traceId) ?? this.#latest(requestId);
      if (latest !== undefined) return latest;
    }
    const mayBe = abandoned !== undefined && abandoned.size > 0 && INFERENCE_METHODS.has(arrival.method);
    return mayBe && this.#isAbandoned(abandoned, arrival) ? -Infinity : Infinity;
  }

  #isAbandoned(abandoned: AbandonedIds, { callerTrace, requestId, caller, client }: Asked): boolean {
    // A client may give the application up, and ask a model itself in the same trace: then its connection names it.
    const isPassedOn = isInHeader(caller) || client?.address !== undefined;
    const is = (id: string | undefined): boolean | undefined =>
      id === undefined ? undefined : abandoned.isAbandoned(id, this.#hashOf(id), caller, isPassedOn);
    return is(callerTrace?.traceId) ?? is(requestId) ?? false;
  }

  /** Removes an entry; `caller`: it is abandoned. FrontedDeadline calls it. */
  leave(entry: Entry, caller?: string): void {
    if (!entry.bucket.remove(entry)) return;
    this.#size -= 1;
    if (caller === undefined) this.#abandoned?.want(entry.id, entry.hash);
    else this.#abandoned?.abandon(entry.id, entry.hash, caller);
  }

  /** Once for all that are abandoned in a turn: each time all that is under way is looked at. FrontedDeadline calls it. */
  tell(): void {
    if (this.#abandoned === undefined || this.#isTelling) return;
    this.#isTelling = true;
    setImmediate(() => {
      this.#isTelling = false;
      this.onAbandoned?.();
    });
  }

  #enter(id: string, at: Instant): Entry {
    const hash = this.#hashOf(id);
    const place = placeOf(hash);
    const bucket = this.#buckets[place] ?? new DenseSet<Entry>();
    this.#buckets[place] = bucket;
    const entry: Entry = { id, hash, at, bucket, setIndex: -1 };
    bucket.add(entry);
    this.#size += 1;
    return entry;
  }

  #latest(id: string | undefined): Instant | undefined {
    if (id === undefined) return undefined;
    let latest: Instant | undefined;
    for (const entry of this.#buckets[placeOf(this.#hashOf(id))]?.members ?? []) {
      if (entry.id === id) latest = Math.max(latest ?? entry.at, entry.at);
    }
    return latest;
  }

  /** FNV-1a (IETF draft-eastlake-fnv), from a seed of this process. */
  #hashOf(id: string): number {
    let hash = this.#seed;
    for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
    return hash;
  }
}

/** The bucket of a hash: its upper bits. */
function placeOf(hash: number): number {
  return hash >>> 24;
}
