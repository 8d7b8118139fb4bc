/**
 * Remembers the last finished requests, each in the place of the oldest.
 *
 *   place       0     1     2     3 …
 *   numbers   ▐████▐████▐████▐████      18 doubles a place: instants, sizes, sequence
 *   origins     ○     ○     ●     ○        surface, method, model, version, signature
 *   peers, batches, traces                 references
 *   notes       ·     ·     ◆     ·        rare: a failure, an id of the caller's, events
 *
 * Every request fills a place, and the cost is the memory that it touches: a place that was last written one round ago
 * is in no near cache any more. With columns that is three cache lines of numbers and a few references beside the last
 * ones; an object for each request would be about ten lines (docs/adr/0011-no-maps-on-the-request-path.md).
 *
 * An ordinary request allocates nothing: its origin is mostly that of the request before it. Batch records are shared
 * by their members.
 */

import type { Instant } from '../../core/clock.ts';
import { MAX_TEXT_CHARS } from '../caller-text.ts';
import {
  type BatchRecord,
  type CacheUse,
  type KeepReason,
  type RequestOutcome,
  type RequestRecord,
  requestId,
} from '../request-record.ts';
import { STAGE_CLOCK_NUMBERS, STAGES, StageClock } from '../stage-clock.ts';
import type { TraceContext } from '../tracing/trace-context.ts';
import type { Notes, Origin, ReadRequest } from './read-request.ts';
import { BATCH_BYTES, notesBytes, ORIGIN_BYTES, REFERENCE_BYTES, traceBytes } from './request-bytes.ts';
import { cut, errorFacts, type FlightFilter, isCaller, type RequestSnapshot, stepFacts } from './request-snapshot.ts';

/** Indices of a place's numbers. */
const SEQUENCE = 0;
const DEADLINE = 1;
export const ROWS = 2;
const REQUEST_BYTES = 3;
const RESPONSE_BYTES = 4;
const EXPECTED_END = 5;
const CACHE_MS = 6;
/** 1 = the deadline is the client's own. */
const HAS_OWN_DEADLINE = 7;
/** Numbers that StageClock.copyTo writes. */
export const STAGE_INSTANTS = 8;
/** When the request ended. */
const ENDED = STAGE_INSTANTS + STAGES.length;
/** Numbers of a place. */
export const NUMBERS = STAGE_INSTANTS + STAGE_CLOCK_NUMBERS;

const NO_NOTES: Notes = { outcome: 'ok', error: undefined, callerId: undefined, kept: undefined };
/** Notes of requests that are ordinary but for the cache. They are shared, as a busy cache makes many. */
const CACHE_NOTES: Readonly<Record<CacheUse, Notes>> = {
  hit: { ...NO_NOTES, cache: 'hit' },
  coalesced: { ...NO_NOTES, cache: 'coalesced' },
  miss: { ...NO_NOTES, cache: 'miss' },
};

export class RequestRing {
  readonly places: number;
  /** These three may be read by columns: NUMBERS numbers, and one reference, for each place. */
  readonly numbers: Float64Array;
  readonly origins: (Origin | undefined)[];
  readonly batches: (BatchRecord | undefined)[];
  readonly #peers: string[];
  readonly #traces: (TraceContext | undefined)[];
  readonly #notes: (Notes | undefined)[];
  /** The last request's origin. */
  #origin: Origin = { surface: 'grpc', method: '', model: '', version: '', signatureName: '' };
  #next = 0;
  #taken = 0;

  /** @param places 0 = nothing is remembered */
  constructor(places: number) {
    this.places = places;
    this.numbers = new Float64Array(NUMBERS * places);
    this.origins = new Array(places).fill(undefined);
    this.#peers = new Array(places).fill('');
    this.batches = new Array(places).fill(undefined);
    this.#traces = new Array(places).fill(undefined);
    this.#notes = new Array(places).fill(undefined);
  }

  /** Copies a request into the next place. */
  add(record: RequestRecord, kept: KeepReason | undefined): void {
    if (this.places === 0) return;
    const place = this.#next;
    this.#next = place + 1 === this.places ? 0 : place + 1;
    if (this.#taken < this.places) this.#taken += 1;
    this.#fillNumbers(place * NUMBERS, record);
    const { peer, batch, trace } = record;
    const origin = this.#originOf(record);
    // An equal reference is not written again: writing one costs the garbage collector's barrier.
    if (this.origins[place] !== origin) this.origins[place] = origin;
    if (this.#peers[place] !== peer) this.#peers[place] = peer.length > MAX_TEXT_CHARS ? cut(peer) : peer;
    if (this.batches[place] !== batch) this.batches[place] = batch;
    if (this.#traces[place] !== trace) this.#traces[place] = trace;
    const notes = notesOf(record, kept);
    if (this.#notes[place] !== notes) this.#notes[place] = notes;
  }

  /** Fills `into` with the last request for `back` = 1, with the one before for 2. */
  read(back: number, into: ReadRequest): void {
    const numbers = this.numbers;
    const place = this.placeBack(back);
    const at = place * NUMBERS;
    into.take(this.origins[place]!, this.#notes[place] ?? NO_NOTES);
    into.sequence = numbers[at + SEQUENCE]!;
    into.deadline = numbers[at + DEADLINE]!;
    into.rows = numbers[at + ROWS]!;
    into.requestBytes = numbers[at + REQUEST_BYTES]!;
    into.responseBytes = numbers[at + RESPONSE_BYTES]!;
    into.expectedEnd = numbers[at + EXPECTED_END]!;
    into.cacheMs = numbers[at + CACHE_MS]!;
    into.hasOwnDeadline = numbers[at + HAS_OWN_DEADLINE] === 1;
    into.stages.read(numbers, at + STAGE_INSTANTS);
    into.peer = this.#peers[place]!;
    into.batch = this.batches[place];
    into.trace = this.#traces[place];
  }

  outcomeAt(place: number): RequestOutcome {
    return this.#notes[place]?.outcome ?? 'ok';
  }

  /** Every place is taken, and the next request goes to the first one. */
  get isFull(): boolean {
    return this.#next === 0 && this.#taken === this.places;
  }

  /** Forgets all requests. Objects that they refer to are let go when their places are filled again. */
  clear(): void {
    this.#next = 0;
    this.#taken = 0;
  }

  /** The last requests that match, newest first; at most `filter.limit`. Only these are copied. */
  newest(filter: FlightFilter): RequestSnapshot[] {
    const found: RequestSnapshot[] = [];
    const { since = -Infinity, limit } = filter;
    for (let back = 1; back <= this.#taken && found.length < limit; back++) {
      const place = this.placeBack(back);
      // Those before it ended earlier, and so arrived earlier, too.
      if (this.numbers[place * NUMBERS + ENDED]! < since) break;
      if (this.#matches(place, filter)) found.push(this.#snapshot(place));
    }
    return found;
  }

  /** When the newest request ended; undefined if there is none. */
  get newestEnd(): Instant | undefined {
    return this.#taken === 0 ? undefined : this.numbers[this.placeBack(1) * NUMBERS + ENDED]!;
  }

  /** The newest request with that id: callers may use an id twice. */
  find(id: string): RequestSnapshot | undefined {
    const sequence = Number.parseInt(id, 36);
    for (let back = 1; back <= this.#taken; back++) {
      const place = this.placeBack(back);
      const callerId = this.#notes[place]?.callerId;
      const isIt =
        callerId === undefined
          ? this.numbers[place * NUMBERS + SEQUENCE] === sequence && requestId(undefined, sequence) === id
          : callerId === id;
      if (isIt) return this.#snapshot(place);
    }
    return undefined;
  }

  /** Estimates the bytes that it holds: its columns, and the objects and texts that they refer to. */
  estimateBytes(): number {
    let bytes = this.places * (8 * NUMBERS + REFERENCE_BYTES);
    for (let place = 0; place < this.#taken; place++) {
      bytes += ORIGIN_BYTES;
      const batch = this.batches[place];
      // Members of a batch mostly end one after the other.
      if (batch !== undefined && (place === 0 || batch !== this.batches[place - 1])) bytes += BATCH_BYTES;
      const trace = this.#traces[place];
      if (trace !== undefined) bytes += traceBytes(trace);
      const notes = this.#notes[place];
      if (notes !== undefined) bytes += notesBytes(notes);
    }
    return bytes;
  }

  /** Sequences and ids of a batch's requests. */
  *memberIdsOf(batch: BatchRecord): Iterable<readonly [sequence: number, id: string]> {
    for (let place = this.batches.indexOf(batch); place !== -1; place = this.batches.indexOf(batch, place + 1)) {
      if (place >= this.#taken) return;
      const sequence = this.numbers[place * NUMBERS + SEQUENCE]!;
      yield [sequence, requestId(this.#notes[place]?.callerId, sequence)];
    }
  }

  /** The place of the last request for 1, of the one before for 2. */
  placeBack(back: number): number {
    const place = this.#next - back;
    return place < 0 ? place + this.places : place;
  }

  #matches(place: number, filter: FlightFilter): boolean {
    const { model, version, outcome, kept, caller, id, traceId, error, since, until } = filter;
    const origin = this.origins[place]!;
    const notes = this.#notes[place] ?? NO_NOTES;
    const at = place * NUMBERS;
    const arrived = this.numbers[at + STAGE_INSTANTS]!;
    return (
      (model === undefined || origin.model === model) &&
      (version === undefined || origin.version === version) &&
      (outcome === undefined || (outcome === 'failed' ? notes.outcome !== 'ok' : notes.outcome === outcome)) &&
      (kept === undefined || notes.kept === kept) &&
      (since === undefined || arrived >= since) &&
      (until === undefined || arrived < until) &&
      (caller === undefined || isCaller(this.#peers[place]!, caller)) &&
      (traceId === undefined || this.#traces[place]?.traceId === traceId) &&
      (error === undefined || notes.error?.message.toLowerCase().includes(error) === true) &&
      (id === undefined || requestId(notes.callerId, this.numbers[at + SEQUENCE]!) === id)
    );
  }

  #fillNumbers(at: number, record: RequestRecord): void {
    const numbers = this.numbers;
    numbers[at + SEQUENCE] = record.sequence;
    numbers[at + DEADLINE] = record.deadline;
    numbers[at + ROWS] = record.rows;
    numbers[at + REQUEST_BYTES] = record.requestBytes;
    numbers[at + RESPONSE_BYTES] = record.responseBytes;
    numbers[at + EXPECTED_END] = record.expectedEnd ?? 0;
    numbers[at + CACHE_MS] = record.cacheMs ?? 0;
    numbers[at + HAS_OWN_DEADLINE] = record.hasOwnDeadline === false ? 0 : 1;
    record.stages.copyTo(numbers, at + STAGE_INSTANTS);
  }

  #originOf({ surface, method, model, version, signatureName }: RequestRecord): Origin {
    const last = this.#origin;
    const isSame =
      last.model === model &&
      last.version === version &&
      last.signatureName === signatureName &&
      last.method === method &&
      last.surface === surface;
    if (!isSame) this.#origin = { surface, method, model, version, signatureName };
    return this.#origin;
  }

  #snapshot(place: number): RequestSnapshot {
    const numbers = this.numbers;
    const at = place * NUMBERS;
    const { callerId, ...notes } = this.#notes[place] ?? NO_NOTES;
    const sequence = numbers[at + SEQUENCE]!;
    const stages = StageClock.from(numbers, at + STAGE_INSTANTS);
    return {
      ...this.origins[place]!,
      ...notes,
      id: requestId(callerId, sequence),
      sequence,
      peer: this.#peers[place]!,
      batch: this.batches[place],
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
  const { outcome, error, callerId, isolation, events, cache, steps } = record;
  const isOrdinary =
    outcome === 'ok' &&
    kept === undefined &&
    callerId === undefined &&
    isolation === undefined &&
    events === undefined &&
    steps === undefined;
  if (isOrdinary) return cache && CACHE_NOTES[cache];
  return {
    outcome,
    error: error && errorFacts(error),
    callerId: callerId && cut(callerId),
    isolation,
    events,
    kept,
    cache,
    steps: steps && stepFacts(steps),
  };
}
