/**
 * Remembers requests for minutes, or longer: in rings of 512 places that are taken one after the other, until their
 * memory is as large as it may be. Then the oldest ring is emptied and becomes the newest.
 *
 *   oldest ▐████▌ ▐████▌ ▐████▌ ▐██  ▌ newest
 *
 * A busy server would fill any memory within seconds, and objects that outlive a collection of the young generation
 * cost the collector time (docs/adr/0011-no-maps-on-the-request-path.md). So whoever adds requests bounds their number.
 */
import type { Instant } from '../../core/clock.ts';
import { RequestRing } from '../../ledger/recorder/request-ring.ts';
import type { FlightFilter, RequestSnapshot } from '../../ledger/recorder/request-snapshot.ts';
import type { BatchRecord } from '../../ledger/request-record.ts';

const RING_PLACES = 512;

interface FullRing {
  readonly ring: RequestRing;
  readonly bytes: number;
}

export class MinutesRing {
  readonly #maxBytes: number;
  /** Oldest first. */
  readonly #full: FullRing[] = [];
  #fullBytes = 0;
  #newest = new RequestRing(RING_PLACES);
  /** Requests that ended until then may have been dropped; undefined = none has. */
  droppedUntil: Instant | undefined;

  /** @param maxBytes of the full rings, by their own estimate; the newest ring comes on top */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Copies the request at a place of another ring. */
  copy(from: RequestRing, place: number): void {
    this.#newest.copy(from, place);
    if (this.#newest.isFull) this.#turn();
  }

  /** Newest first. */
  get rings(): readonly RequestRing[] {
    return [this.#newest, ...this.#full.map(({ ring }) => ring).reverse()];
  }

  /** Does what RequestRing.newest does, over all rings. */
  newest(filter: FlightFilter): RequestSnapshot[] {
    const found: RequestSnapshot[] = [];
    for (const ring of this.rings) {
      if (found.length >= filter.limit) break;
      found.push(...ring.newest({ ...filter, limit: filter.limit - found.length }));
    }
    return found;
  }

  /** Does what RequestRing.find does, over all rings. */
  find(id: string): RequestSnapshot | undefined {
    for (const ring of this.rings) {
      const found = ring.find(id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Does what RequestRing.memberIdsOf does, over all rings. */
  *memberIdsOf(batch: BatchRecord): Iterable<readonly [sequence: number, id: string]> {
    for (const ring of this.rings) yield* ring.memberIdsOf(batch);
  }

  /** Makes room for the next request. */
  #turn(): void {
    const bytes = this.#newest.estimateBytes();
    this.#full.push({ ring: this.#newest, bytes });
    this.#fullBytes += bytes;
    let emptied: RequestRing | undefined;
    while (this.#fullBytes > this.#maxBytes) {
      const oldest = this.#full.shift()!;
      this.#fullBytes -= oldest.bytes;
      emptied = oldest.ring;
      this.droppedUntil = oldest.ring.newestEnd;
    }
    emptied?.clear();
    this.#newest = emptied ?? new RequestRing(RING_PLACES);
  }
}
