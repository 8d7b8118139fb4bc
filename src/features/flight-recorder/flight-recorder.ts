/**
 * Remembers the last requests, and kept requests for longer, for the admin server's list (features/flight-recorder/).
 *
 *   every request ──▶ recent: the ledger's ring of the last 512
 *        ├ 250 a second ─▶ minutes: as long as their memory suffices   (minutes-ring.ts)
 *        └ kept? ──▶ slow:   the last 256 of them      (the kernel's RequestJudge decides, and bounds how many a second)
 *                ├─▶ failed: the last 256 of them
 *                └─▶ hour:   some of each minute       (kept-hour.ts)
 *
 *   listed or opened ──▶ shown: a copy, so that a link that somebody sees leads somewhere   (shown-requests.ts)
 *
 * It reads the ledger as other readers do: no request waits for it. Requests are copied into columns of numbers and references (request-ring.ts says why), and none of a request's own
 * objects is held. Memory is bounded: the places of `recent`, `slow` and `failed` hold at most three texts of
 * MAX_TEXT_CHARS each, `minutes` and `hour` have a number of bytes, `shown` a number of copies.
 *
 * The ids of the other members of a kept or opened request's batch are collected, also of those that end later. For
 * other requests they are looked up among the requests that are still remembered.
 */
import { factKey } from '../../core/collections/facts.ts';
import { WindowCap } from '../../core/collections/window-cap.ts';
import type { RequestKind } from '../../ledger/metrics/signature-totals.ts';
import { RequestRing } from '../../ledger/recorder/request-ring.ts';
import type { FlightFilter, RequestSnapshot } from '../../ledger/recorder/request-snapshot.ts';
import type { BatchRecord, KeepReason } from '../../ledger/request-record.ts';
import type { Follower } from '../../ledger/telemetry.ts';
import { KeptHour } from './kept-hour.ts';
import { type KeptSnapshot, newestOfAll, slowestOfAll } from './kept-snapshot.ts';
import { MinutesRing } from './minutes-ring.ts';
import type { RequestOrder } from './query/request-query.ts';
import { ShownRequests } from './shown-requests.ts';

/** The requests of each second that take a place in `minutes`. */
const MOST_PER_SECOND = 250;

export interface FlightRecorderOptions {
  /** False: nothing is remembered. */
  readonly isOn: boolean;
  /** The most memory of `minutes`, in bytes, by an estimate; `hour` has half of that on top. 0 = none. */
  readonly minutesBytes: number;
}

/** The ledger, as far as it is needed here. */
export interface RecentRequests {
  readonly ring: RequestRing;
  settle(): void;
}

/** The recorder of a server that has one. */
export const FLIGHT_RECORDER = factKey<FlightRecorder>('flight recorder');

export class FlightRecorder implements Follower {
  readonly #ledger: RecentRequests;
  readonly #isOn: boolean;
  readonly #minutes: MinutesRing | undefined;
  readonly #perSecond = new WindowCap(MOST_PER_SECOND, 1000);
  /** Undefined where nothing is remembered for long. */
  readonly hour: KeptHour | undefined;
  readonly #kept: Readonly<Record<KeepReason, RequestRing>>;
  readonly #shown = new ShownRequests();
  readonly #batchIds = new WeakMap<BatchRecord, string>();
  #lastBatchId = 0;

  constructor(ledger: RecentRequests, { isOn, minutesBytes }: FlightRecorderOptions) {
    this.#ledger = ledger;
    this.#isOn = isOn;
    const isLong = isOn && minutesBytes > 0;
    this.#minutes = isLong ? new MinutesRing(minutesBytes) : undefined;
    this.hour = isLong ? new KeptHour(minutesBytes / 2) : undefined;
    const keptPlaces = isOn ? Math.ceil(ledger.ring.places / 2) : 0;
    this.#kept = { slow: new RequestRing(keptPlaces), failed: new RequestRing(keptPlaces) };
  }

  /** Copies requests of one kind, at places `from` to `to` − 1 of the ledger's ring. */
  recordColumns(kind: Pick<RequestKind, 'outcome'>, ring: RequestRing, from: number, to: number): void {
    const minutes = this.#minutes;
    for (let place = from; place < to; place++) {
      if (minutes !== undefined && this.#perSecond.allow(ring.endedAt(place))) minutes.copy(ring, place);
      const memberIds = ring.batches[place]?.memberIds;
      if (memberIds !== undefined) remember(memberIds, ring.idAt(place));
      const kept = ring.keptAt(place);
      if (kept !== undefined) this.#keep(ring, place, kept);
    }
    this.hour?.recordColumns(kind, ring, from, to);
  }

  /**
   * The requests that match, the last ended first; or the slowest first. Each stays findable by its id for a while.
   */
  list(filter: FlightFilter, order: RequestOrder = 'newest'): KeptSnapshot[] {
    this.#ledger.settle();
    const sources = [
      ...[...this.#shortRings, ...this.#minutesRings].map((ring) => ({ ring, filter })),
      ...(this.hour?.sources(filter) ?? []),
    ];
    const listed = [...(order === 'newest' ? newestOfAll : slowestOfAll)(sources, filter.limit)];
    this.#shown.list(listed);
    return listed;
  }

  /**
   * The newest request with that id (callers may use an id twice), which somebody wants to look at: it stays findable
   * long after the others.
   */
  open(id: string): RequestSnapshot | undefined {
    this.#ledger.settle();
    const found = [...this.#rings.map((ring) => ring.find(id)), this.#shown.find(id)]
      .filter((one) => one !== undefined)
      .sort((a, b) => b.sequence - a.sequence)[0];
    if (found === undefined) return undefined;
    const { batch } = found;
    if (batch !== undefined) batch.memberIds ??= memberIdsIn(this.#rings, batch);
    this.#shown.open(found);
    return found;
  }

  /** Ids of the other members of a request's batch, as far as they are remembered. */
  otherMembersOf({ batch, id }: RequestSnapshot): string[] {
    if (batch === undefined) return [];
    const memberIds = batch.memberIds ?? memberIdsIn(this.#rings, batch);
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

  get #shortRings(): readonly RequestRing[] {
    return this.#isOn ? [this.#ledger.ring, this.#kept.slow, this.#kept.failed] : [];
  }

  get #minutesRings(): readonly MinutesRing[] {
    return this.#minutes === undefined ? [] : [this.#minutes];
  }

  get #rings(): readonly (RequestRing | MinutesRing)[] {
    const hour = this.hour?.sources(ALL).map(({ ring }) => ring) ?? [];
    return [...this.#shortRings, ...this.#minutesRings, ...hour];
  }

  #keep(ring: RequestRing, place: number, kept: KeepReason): void {
    this.#kept[kept].copy(ring, place);
    const batch = ring.batches[place];
    if (batch !== undefined) batch.memberIds ??= memberIdsIn(this.#shortRings, batch);
  }
}

const ALL: FlightFilter = { limit: Infinity };

/** Adds an id. It may be there: those that are looked up include members that are read later. */
function remember(memberIds: string[], id: string): void {
  if (!memberIds.includes(id)) memberIds.push(id);
}

/** Ids of a batch's requests. Makes no snapshots: it is called for kept requests, several times a second. */
function memberIdsIn(rings: readonly Pick<RequestRing, 'memberIdsOf'>[], batch: BatchRecord): string[] {
  return [...new Map(rings.flatMap((ring) => [...ring.memberIdsOf(batch)])).values()];
}
