/**
 * Remembers the last requests, and kept requests for longer, for the admin server's list (admin/requests-endpoint.ts).
 *
 *   every request ──▶ recent: the last N, each in the place of the oldest
 *        └ kept? ──▶ slow:   the last N/2 of them      (tail-keep.ts decides, and bounds how many a second)
 *                └─▶ failed: the last N/2 of them
 *
 * Requests are copied into columns of numbers and references (`RequestRing` says why). An ordinary request allocates
 * nothing, and none of its own objects is held. Memory is bounded by the number of places, about 170 bytes each, and at
 * most three texts of MAX_TEXT_CHARS in each (bench/micro/telemetry.ts).
 *
 * The ids of the other members of a kept request's batch are collected, also of those that end later. For other
 * requests they are looked up among the requests that are still remembered.
 */
import { type BatchRecord, type RequestOutcome, type RequestRecord, requestId } from '../request-record.ts';
import { STAGE_CLOCK_NUMBERS, StageClock } from '../stage-clock.ts';
import { MAX_TEXT_CHARS } from '../tracing/span-attributes.ts';
import type { TraceContext } from '../tracing/trace-context.ts';
import { cut, type ErrorFacts, errorFacts, type RequestSnapshot } from './request-snapshot.ts';
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

/** Indices of a place's numbers. */
const SEQUENCE = 0;
const DEADLINE = 1;
const ROWS = 2;
const REQUEST_BYTES = 3;
const RESPONSE_BYTES = 4;
const STAGE_INSTANTS = 5;
/** Numbers of a place: two cache lines. */
const NUMBERS = 16;
if (STAGE_INSTANTS + STAGE_CLOCK_NUMBERS > NUMBERS) throw new Error('the numbers of a request overlap');

type Origin = Pick<RequestRecord, 'surface' | 'method' | 'model' | 'version' | 'signatureName'>;

interface Notes extends Pick<RequestRecord, 'isolation' | 'events'> {
  readonly outcome: RequestOutcome;
  readonly error: ErrorFacts | undefined;
  readonly callerId: string | undefined;
  readonly kept: KeepReason | undefined;
}

const NO_NOTES: Notes = { outcome: 'ok', error: undefined, callerId: undefined, kept: undefined };

/**
 * Remembers the last finished requests, each in the place of the oldest.
 *
 *   place       0     1     2     3 …
 *   numbers   ▐████▐████▐████▐████      16 doubles a place: instants, sizes, sequence
 *   origins     ○     ○     ●     ○        surface, method, model, version, signature
 *   peers, batches, traces                 references
 *   notes       ·     ·     ◆     ·        rare: a failure, an id of the caller's, events
 *
 * Every request fills a place, and the cost is the memory that it touches: a place that was last written one round ago
 * is in no near cache any more. With columns that is two cache lines of numbers and a few references beside the last
 * ones; an object for each request would be about ten lines (docs/adr/0011-no-maps-on-the-request-path.md).
 *
 * An ordinary request allocates one small object, its origin. Batch records are shared by their members.
 */
export class RequestRing {
  readonly #places: number;
  readonly #numbers: Float64Array;
  readonly #origins: (Origin | undefined)[];
  readonly #peers: string[];
  readonly #batches: (BatchRecord | undefined)[];
  readonly #traces: (TraceContext | undefined)[];
  readonly #notes: (Notes | undefined)[];
  #next = 0;
  #taken = 0;

  /** @param places 0 = nothing is remembered */
  constructor(places: number) {
    this.#places = places;
    this.#numbers = new Float64Array(NUMBERS * places);
    this.#origins = new Array(places).fill(undefined);
    this.#peers = new Array(places).fill('');
    this.#batches = new Array(places).fill(undefined);
    this.#traces = new Array(places).fill(undefined);
    this.#notes = new Array(places).fill(undefined);
  }

  /** Copies a request into the next place. */
  add(record: RequestRecord, kept: KeepReason | undefined): void {
    if (this.#places === 0) return;
    const place = this.#next;
    this.#next = place + 1 === this.#places ? 0 : place + 1;
    if (this.#taken < this.#places) this.#taken += 1;
    const numbers = this.#numbers;
    const at = place * NUMBERS;
    numbers[at + SEQUENCE] = record.sequence;
    numbers[at + DEADLINE] = record.deadline;
    numbers[at + ROWS] = record.rows;
    numbers[at + REQUEST_BYTES] = record.requestBytes;
    numbers[at + RESPONSE_BYTES] = record.responseBytes;
    record.stages.copyTo(numbers, at + STAGE_INSTANTS);
    const { peer, batch, trace, surface, method, model, version, signatureName } = record;
    this.#origins[place] = { surface, method, model, version, signatureName };
    // An equal reference is not written again: writing one costs the garbage collector's barrier.
    if (this.#peers[place] !== peer) this.#peers[place] = peer.length > MAX_TEXT_CHARS ? cut(peer) : peer;
    if (this.#batches[place] !== batch) this.#batches[place] = batch;
    if (this.#traces[place] !== trace) this.#traces[place] = trace;
    const notes = notesOf(record, kept);
    if (this.#notes[place] !== notes) this.#notes[place] = notes;
  }

  /** All requests, in no particular order. */
  snapshots(): RequestSnapshot[] {
    return Array.from({ length: this.#taken }, (_, place) => this.#snapshot(place));
  }

  /** Sequences and ids of a batch's requests. */
  *memberIdsOf(batch: BatchRecord): Iterable<readonly [sequence: number, id: string]> {
    for (let place = this.#batches.indexOf(batch); place !== -1; place = this.#batches.indexOf(batch, place + 1)) {
      const sequence = this.#numbers[place * NUMBERS + SEQUENCE]!;
      yield [sequence, requestId(this.#notes[place]?.callerId, sequence)];
    }
  }

  #snapshot(place: number): RequestSnapshot {
    const numbers = this.#numbers;
    const at = place * NUMBERS;
    const { callerId, ...notes } = this.#notes[place] ?? NO_NOTES;
    const sequence = numbers[at + SEQUENCE]!;
    const stages = StageClock.from(numbers, at + STAGE_INSTANTS);
    return {
      ...this.#origins[place]!,
      ...notes,
      id: requestId(callerId, sequence),
      sequence,
      peer: this.#peers[place]!,
      batch: this.#batches[place],
      trace: this.#traces[place],
      deadline: numbers[at + DEADLINE]!,
      rows: numbers[at + ROWS]!,
      requestBytes: numbers[at + REQUEST_BYTES]!,
      responseBytes: numbers[at + RESPONSE_BYTES]!,
      stages,
      durationMs: stages.finishedAt - stages.startedAt,
    };
  }
}

/** Undefined for an ordinary request. */
function notesOf(record: RequestRecord, kept: KeepReason | undefined): Notes | undefined {
  const { outcome, error, callerId, isolation, events } = record;
  const isOrdinary =
    outcome === 'ok' && kept === undefined && callerId === undefined && isolation === undefined && events === undefined;
  if (isOrdinary) return undefined;
  return {
    outcome,
    error: error && errorFacts(error),
    callerId: callerId && cut(callerId),
    isolation,
    events,
    kept,
  };
}
