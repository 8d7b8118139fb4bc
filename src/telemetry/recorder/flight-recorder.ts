/**
 * Remembers the last requests, and kept requests for longer, for the admin server's list (admin/requests-endpoint.ts).
 *
 *   every request ──▶ recent: the last N, each in the place of the oldest
 *        └ kept? ──▶ slow:   the last N/2 of them      (tail-keep.ts decides, and bounds how many a second)
 *                └─▶ failed: the last N/2 of them
 *
 * Requests are copied into columns of numbers and references (request-ring.ts says why). An ordinary request allocates
 * nothing, and none of its own objects is held. Memory is bounded by the number of places, about 170 bytes each, and at
 * most three texts of MAX_TEXT_CHARS in each (bench/micro/telemetry.ts).
 *
 * The ids of the other members of a kept request's batch are collected, also of those that end later. For other
 * requests they are looked up among the requests that are still remembered.
 */
import type { BatchRecord, RequestOutcome, RequestRecord } from '../request-record.ts';
import { RequestRing } from './request-ring.ts';
import type { RequestSnapshot } from './request-snapshot.ts';
import type { KeepReason } from './tail-keep.ts';

/** Default number of places in `recent`. */
export const DEFAULT_RECENT_REQUESTS = 512;

/** Which requests to list; absent = any. */
export interface FlightFilter {
  readonly model?: string | undefined;
  readonly outcome?: RequestOutcome | undefined;
  readonly kept?: KeepReason | undefined;
  /** Most requests in the list. */
  readonly limit: number;
}

export class FlightRecorder {
  readonly #recent: RequestRing;
  readonly #kept: Readonly<Record<KeepReason, RequestRing>>;
  readonly #batchIds = new WeakMap<BatchRecord, string>();
  #lastBatchId = 0;

  /** @param places how many of the last requests are remembered; 0 = none */
  constructor(places: number = DEFAULT_RECENT_REQUESTS) {
    this.#recent = new RequestRing(places);
    const keptPlaces = Math.ceil(places / 2);
    this.#kept = { slow: new RequestRing(keptPlaces), failed: new RequestRing(keptPlaces) };
  }

  /** Remembers a request; `kept` is `TailKeep`'s decision. */
  record(record: RequestRecord, kept: KeepReason | undefined): void {
    this.#recent.add(record, kept);
    const memberIds = record.batch?.memberIds;
    if (memberIds !== undefined) memberIds.push(record.id);
    if (kept === undefined) return;
    this.#kept[kept].add(record, kept);
    if (record.batch !== undefined) record.batch.memberIds ??= this.#memberIdsOf(record.batch);
  }

  /** The requests that match, the last ended first. */
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

  /** The newest request with that id: callers may use an id twice. */
  find(id: string): RequestSnapshot | undefined {
    return this.list({ limit: Infinity }).find((one) => one.id === id);
  }

  /** Ids of the other members of a request's batch, as far as they are remembered. */
  otherMembersOf({ batch, id }: RequestSnapshot): string[] {
    if (batch === undefined) return [];
    const memberIds = batch.memberIds ?? this.#memberIdsOf(batch);
    return memberIds.filter((memberId) => memberId !== id);
  }

  /** An id for a batch: the same at each call. */
  batchId(batch: BatchRecord): string {
    const found = this.#batchIds.get(batch);
    if (found !== undefined) return found;
    this.#lastBatchId += 1;
    const id = batch.trace?.spanId ?? `b${this.#lastBatchId}`;
    this.#batchIds.set(batch, id);
    return id;
  }

  get #rings(): readonly RequestRing[] {
    return [this.#recent, this.#kept.slow, this.#kept.failed];
  }

  #all(): RequestSnapshot[] {
    const all = new Map<number, RequestSnapshot>();
    for (const one of this.#rings.flatMap((ring) => ring.snapshots())) {
      if (!all.has(one.sequence)) all.set(one.sequence, one);
    }
    return [...all.values()];
  }

  /** Makes no snapshots: it is called for kept requests, several times a second. */
  #memberIdsOf(batch: BatchRecord): string[] {
    return [...new Map(this.#rings.flatMap((ring) => [...ring.memberIdsOf(batch)])).values()];
  }
}
