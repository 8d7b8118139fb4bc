/**
 * The last requests, and those worth keeping longer, for a person who asks "what was that?" (admin/requests-endpoint.ts).
 *
 *   every request ──▶ recent: the last N, each in the place of the oldest
 *        └ kept? ──▶ slow:   the last N/2 of them      (tail-keep.ts says which, and caps how many a second)
 *                └─▶ failed: the last N/2 of them
 *
 * Places are filled, not made: recording allocates nothing once the rings are full, and holds on to no request's own
 * objects (measured: bench/micro/telemetry.ts). Memory is bound by the number of places, some 600 bytes each, and at
 * most three texts of MAX_TEXT_CHARS in each. Batch records are shared by their members.
 *
 * Of a kept request the ids of its batch mates are kept with it, those that end after it too; of others they are looked
 * for among what is still here.
 */
import type { BatchRecord, RequestOutcome, RequestRecord } from './request-record.ts';
import { RequestSnapshot } from './request-snapshot.ts';
import type { KeepReason } from './tail-keep.ts';

/** Of `recent`. */
export const DEFAULT_RECENT_REQUESTS = 512;

/** Which requests are wanted; absent = any. */
export interface FlightFilter {
  readonly model?: string | undefined;
  readonly outcome?: RequestOutcome | undefined;
  readonly kept?: KeepReason | undefined;
  /** At most so many. */
  readonly limit: number;
}

export class FlightRecorder {
  readonly #recent: Ring;
  readonly #kept: Readonly<Record<KeepReason, Ring>>;
  readonly #batchIds = new WeakMap<BatchRecord, string>();
  #lastBatchId = 0;

  /** `places`: how many of the last requests are there; 0 = nothing is recorded. */
  constructor(places: number = DEFAULT_RECENT_REQUESTS) {
    this.#recent = new Ring(places);
    const keptPlaces = Math.ceil(places / 2);
    this.#kept = { slow: new Ring(keptPlaces), failed: new Ring(keptPlaces) };
  }

  /** Copies what is to be remembered; `kept` as `TailKeep` judged it. */
  record(record: RequestRecord, kept: KeepReason | undefined): void {
    this.#recent.next()?.fill(record, kept);
    const riders = record.batch?.riders;
    if (riders !== undefined) riders.push(record.id);
    if (kept === undefined) return;
    this.#kept[kept].next()?.fill(record, kept);
    if (record.batch !== undefined) this.#gatherRiders(record.batch);
  }

  /** Newest first, by when they ended. Read them before the next request ends: their places are filled again. */
  list({ model, outcome, kept, limit }: FlightFilter): RequestSnapshot[] {
    const isWanted = (one: RequestSnapshot): boolean =>
      (model === undefined || one.model === model) &&
      (outcome === undefined || one.outcome === outcome) &&
      (kept === undefined || one.kept === kept);
    return this.#all()
      .filter(isWanted)
      .sort((a, b) => b.stages.finishedAt - a.stages.finishedAt || b.sequence - a.sequence)
      .slice(0, limit);
  }

  /** The newest request of that id: callers may use one twice. */
  find(id: string): RequestSnapshot | undefined {
    return this.list({ limit: Infinity }).find((one) => one.id === id);
  }

  /** Ids of the others that rode in a request's batch, as far as they are known. */
  matesOf({ batch, id }: RequestSnapshot): string[] {
    if (batch === undefined) return [];
    const riders = batch.riders ?? this.#ridersOf(batch);
    return riders.filter((rider) => rider !== id);
  }

  /** A name for a batch: the same each time that it is asked for. */
  batchId(batch: BatchRecord): string {
    const found = this.#batchIds.get(batch);
    if (found !== undefined) return found;
    this.#lastBatchId += 1;
    const id = batch.trace?.spanId ?? `b${this.#lastBatchId}`;
    this.#batchIds.set(batch, id);
    return id;
  }

  #all(): RequestSnapshot[] {
    const all = new Map<number, RequestSnapshot>();
    for (const ring of [this.#recent, this.#kept.slow, this.#kept.failed]) {
      for (const one of ring.taken) if (!all.has(one.sequence)) all.set(one.sequence, one);
    }
    return [...all.values()];
  }

  #gatherRiders(batch: BatchRecord): void {
    batch.riders ??= this.#ridersOf(batch);
  }

  #ridersOf(batch: BatchRecord): string[] {
    return this.#all()
      .filter((one) => one.batch === batch)
      .map(({ id }) => id);
  }
}

/** Places that are filled one after the other, then again from the first. */
class Ring {
  readonly #places: number;
  readonly #taken: RequestSnapshot[] = [];
  #next = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /** The place that was filled longest ago; undefined in a ring without places. */
  next(): RequestSnapshot | undefined {
    const place = this.#next;
    if (place === this.#taken.length) {
      if (place === this.#places) return undefined;
      this.#taken.push(new RequestSnapshot());
    }
    this.#next = place + 1 === this.#places ? 0 : place + 1;
    return this.#taken[place];
  }

  /** Those that were filled at least once, in no order. */
  get taken(): readonly RequestSnapshot[] {
    return this.#taken;
  }
}
