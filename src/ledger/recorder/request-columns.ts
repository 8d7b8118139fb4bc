/**
 * Finished requests in columns:
 *
 *   place       0     1     2     3 …
 *   numbers   ▐████▐████▐████▐████      18 doubles a place: instants, sizes, sequence
 *   origins     ○     ○     ●     ○        surface, method, model, version, signature
 *   peers, batches, traces                 references
 *   notes       ·     ·     ◆     ·        rare: a failure, an id of the caller's, events
 *
 * The cost of a request is the memory that it touches: a place that was last written one round ago is in no near cache
 * any more. With columns that is three cache lines of numbers and a few references beside the last ones; an object for
 * each request would be about ten lines (docs/adr/0011-no-maps-on-the-request-path.md).
 *
 * An ordinary request allocates nothing: its origin is mostly that of the request before it. Batch records are shared
 * by their members.
 */

import type { Instant } from '../../core/clock.ts';
import { MAX_TEXT_CHARS } from '../caller-text.ts';
import {
  type BatchRecord,
  type KeepReason,
  type RequestOutcome,
  type RequestRecord,
  requestId,
} from '../request-record.ts';
import { STAGE_CLOCK_NUMBERS, STAGES, StageClock } from '../stage-clock.ts';
import type { TraceContext } from '../tracing/trace-context.ts';
import type { Notes, Origin, ReadRequest } from './read-request.ts';
import { placeBytes } from './request-bytes.ts';
import { NO_NOTES, notesOf } from './request-notes.ts';
import { cut, type FlightFilter, isCaller, type RequestSnapshot } from './request-snapshot.ts';

/** Indices of a place's numbers. */
const SEQUENCE = 0;
export const DEADLINE = 1;
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

export class RequestColumns {
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

  constructor(places: number) {
    this.places = places;
    this.numbers = new Float64Array(NUMBERS * places);
    this.origins = new Array(places).fill(undefined);
    this.#peers = new Array(places).fill('');
    this.batches = new Array(places).fill(undefined);
    this.#traces = new Array(places).fill(undefined);
    this.#notes = new Array(places).fill(undefined);
  }

  /** Copies a request into a place; `kept`: why it is kept. */
  fill(place: number, record: RequestRecord, kept: KeepReason | undefined): void {
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

  /** Copies what is at a place of other columns, or of these. */
  copyPlace(from: RequestColumns, place: number, to: number): void {
    const source = from.numbers;
    const numbers = this.numbers;
    // A loop is faster than a view and a call of TypedArray.set.
    for (let i = 0; i < NUMBERS; i++) numbers[to * NUMBERS + i] = source[place * NUMBERS + i]!;
    if (this.origins[to] !== from.origins[place]) this.origins[to] = from.origins[place];
    if (this.#peers[to] !== from.#peers[place]) this.#peers[to] = from.#peers[place]!;
    if (this.batches[to] !== from.batches[place]) this.batches[to] = from.batches[place];
    if (this.#traces[to] !== from.#traces[place]) this.#traces[to] = from.#traces[place];
    if (this.#notes[to] !== from.#notes[place]) this.#notes[to] = from.#notes[place];
  }

  /** Fills `into` with what is at a place. */
  readPlace(place: number, into: ReadRequest): void {
    const numbers = this.numbers;
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

  keptAt(place: number): KeepReason | undefined {
    return this.#notes[place]?.kept;
  }

  sequenceAt(place: number): number {
    return this.numbers[place * NUMBERS + SEQUENCE]!;
  }

  idAt(place: number): string {
    return requestId(this.#notes[place]?.callerId, this.sequenceAt(place));
  }

  endedAt(place: number): Instant {
    return this.numbers[place * NUMBERS + ENDED]!;
  }

  /** How long the request took, in ms. */
  tookAt(place: number): number {
    return this.numbers[place * NUMBERS + ENDED]! - this.numbers[place * NUMBERS + STAGE_INSTANTS]!;
  }

  /** Estimates the bytes that a place refers to. */
  bytesAt(place: number): number {
    const batch = this.batches[place];
    // Members of a batch mostly end one after the other.
    const isFirst = place === 0 || batch !== this.batches[place - 1];
    return placeBytes(isFirst ? batch : undefined, this.#traces[place], this.#notes[place]);
  }

  /** True if the request at a place has that id. No text is made of a sequence that cannot be meant. */
  hasId(place: number, id: string): boolean {
    const callerId = this.#notes[place]?.callerId;
    if (callerId !== undefined) return callerId === id;
    return this.sequenceAt(place) === Number.parseInt(id, 36) && this.idAt(place) === id;
  }

  /** True if the filter admits the request at a place. */
  matches(place: number, filter: FlightFilter): boolean {
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
      (id === undefined || this.hasId(place, id))
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

  /** Copies the request at a place. */
  snapshot(place: number): RequestSnapshot {
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
