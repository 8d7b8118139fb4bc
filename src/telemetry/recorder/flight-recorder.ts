/**
 * The last requests, and those worth keeping longer, for a person who asks "what was that?" (admin/requests-endpoint.ts).
 *
 *   every request ──▶ recent: the last N, each in the place of the oldest
 *        └ kept? ──▶ slow:   the last N/2 of them      (tail-keep.ts says which, and caps how many a second)
 *                └─▶ failed: the last N/2 of them
 *
 * Requests are copied into columns of numbers and references (request-ring.ts, which tells why): of an ordinary one
 * nothing is allocated and none of its own objects is held. Memory is bound by the number of places, some 170 bytes each,
 * and at most three texts of MAX_TEXT_CHARS in each; measured in bench/micro/telemetry.ts.
 *
 * Of a kept request the ids of its batch mates are kept with it, those that end after it too; of others they are looked
 * for among what is still here.
 */
import type { BatchRecord, RequestOutcome, RequestRecord } from '../request-record.ts';
import { RequestRing } from './request-ring.ts';
import type { RequestSnapshot } from './request-snapshot.ts';
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
  readonly #recent: RequestRing;
  readonly #kept: Readonly<Record<KeepReason, RequestRing>>;
  readonly #batchIds = new WeakMap<BatchRecord, string>();
  #lastBatchId = 0;

  /** `places`: how many of the last requests are there; 0 = nothing is recorded. */
  constructor(places: number = DEFAULT_RECENT_REQUESTS) {
    this.#recent = new RequestRing(places);
    const keptPlaces = Math.ceil(places / 2);
    this.#kept = { slow: new RequestRing(keptPlaces), failed: new RequestRing(keptPlaces) };
  }

  /** Copies what is to be remembered; `kept` as `TailKeep` judged it. */
  record(record: RequestRecord, kept: KeepReason | undefined): void {
    this.#recent.add(record, kept);
    const memberIds = record.batch?.memberIds;
    if (memberIds !== undefined) memberIds.push(record.id);
    if (kept === undefined) return;
    this.#kept[kept].add(record, kept);
    if (record.batch !== undefined) this.#gatherMemberIds(record.batch);
  }

  /** Newest first, by when they ended. */
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
    const memberIds = batch.memberIds ?? this.#memberIdsOf(batch);
    return memberIds.filter((memberId) => memberId !== id);
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

  #gatherMemberIds(batch: BatchRecord): void {
    batch.memberIds ??= this.#memberIdsOf(batch);
  }

  /** Called for kept requests, some each second: no snapshots are made for it. */
  #memberIdsOf(batch: BatchRecord): string[] {
    return [...new Map(this.#rings.flatMap((ring) => [...ring.memberIdsOf(batch)])).values()];
  }
}
