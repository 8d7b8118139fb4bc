/**
 * The arrivals of the last minutes: when each request for a model came, its size, its time budget and its end. A
 * simulation can repeat them (`pillion what-if`), and nothing of a request's content or caller is in them.
 *
 *   place      0    1    2  …   65,535
 *   arrived   ▐██▌▐██▌▐██▌        ms
 *   took      ▐█▌ ▐█▌ ▐█▌         ms
 *   budget    ▐█▌ ▐█▌ ▐█▌         ms; Infinity = none
 *   rows      ▐█▌ ▐█▌ ▐█▌
 *   signature, outcome            indices
 *
 * A request takes a place when it ends, the place of the one that ended first. Columns of numbers: adding one allocates
 * nothing, and 65,536 places are 1.5 MB.
 */
import type { Instant } from '../../core/clock.ts';
import type { RequestRecord } from '../../ledger/request-record.ts';

/**
 * Answered before its deadline; refused at once; late, with or without an answer; failed by the server, the model or
 * the caller's own mistake; given up by its caller.
 */
export type ArrivalOutcome = 'answered' | 'refused' | 'late' | 'failed' | 'cancelled';

export const ARRIVAL_OUTCOMES: readonly ArrivalOutcome[] = ['answered', 'refused', 'late', 'failed', 'cancelled'];

const ANSWERED = 0;
const REFUSED = 1;
const LATE = 2;
const FAILED = 3;
const CANCELLED = 4;

/** The signature that ran, or was to run. */
export interface ArrivalSignature {
  readonly model: string;
  readonly version: string;
  readonly signature: string;
}

/** The arrivals of a span. The columns have one element for each, in the order of arrival. */
export interface ArrivalsView {
  /** The span of the arrivals, in monotonic ms. It begins later if the ring has forgotten what was before. */
  readonly from: Instant;
  readonly to: Instant;
  /** Requests that ended in the span that was asked for, but are not in the columns: newer ones took their places. */
  readonly dropped: number;
  readonly signatures: readonly ArrivalSignature[];
  /** Microseconds since `from`. */
  readonly atMicros: Float64Array;
  /** Indices of `signatures`. */
  readonly signature: Uint16Array;
  readonly rows: Uint32Array;
  /** Milliseconds from arrival to deadline; Infinity = the client set none. */
  readonly budgetMs: Float32Array;
  /** Indices of ARRIVAL_OUTCOMES. */
  readonly outcome: Uint8Array;
  /** Milliseconds from arrival to end. */
  readonly tookMs: Float32Array;
}

/** How far back `view` goes at most. */
export const ARRIVAL_SPAN_MS = 300_000;
const PLACES = 65_536;
/** The ring begins anew beyond so many signatures of versions: it must not grow with each version that is loaded. */
const MOST_SIGNATURES = 4096;
const SECONDS = ARRIVAL_SPAN_MS / 1000 + 1;
const MICROS = 1000;

export class ArrivalRing {
  readonly #places: number;
  readonly #arrived: Float64Array;
  readonly #took: Float32Array;
  readonly #budget: Float32Array;
  readonly #rows: Uint32Array;
  readonly #signature: Uint16Array;
  readonly #outcome: Uint8Array;
  #next = 0;
  #taken = 0;
  #signatures: ArrivalSignature[] = [];
  #index = new Map<string, Map<string, Map<string, number>>>();
  #last = 0;
  readonly #ended = new EndsBySecond();

  readonly #settle: () => void;

  /** @param places 0 = nothing is remembered; `settle` has everything added that ended before now */
  constructor(places = PLACES, settle: () => void = () => undefined) {
    this.#places = places;
    this.#settle = settle;
    this.#arrived = new Float64Array(places);
    this.#took = new Float32Array(places);
    this.#budget = new Float32Array(places);
    this.#rows = new Uint32Array(places);
    this.#signature = new Uint16Array(places);
    this.#outcome = new Uint8Array(places);
  }

  /** Takes an inference that has ended. One whose version was not loaded is left out. */
  recordRequest(record: RequestRecord): void {
    if (this.#places === 0 || record.version === '') return;
    const { stages } = record;
    const { startedAt, finishedAt } = stages;
    const signature = this.#indexOf(record);
    const place = this.#next;
    this.#next = place + 1 === this.#places ? 0 : place + 1;
    if (this.#taken < this.#places) this.#taken += 1;
    this.#arrived[place] = startedAt;
    this.#took[place] = finishedAt - startedAt;
    this.#budget[place] = record.hasOwnDeadline === false ? Infinity : record.deadline - startedAt;
    this.#rows[place] = record.rows;
    this.#signature[place] = signature;
    this.#outcome[place] = outcomeOf(record);
    this.#ended.count(finishedAt);
  }

  /** Copies what arrived in the last `spanMs` before `now`, ARRIVAL_SPAN_MS at most. */
  view(spanMs: number, now: Instant): ArrivalsView {
    this.#settle();
    const since = now - Math.min(spanMs, ARRIVAL_SPAN_MS);
    const isFull = this.#taken > 0 && this.#taken === this.#places;
    const oldest = isFull ? this.#next : undefined;
    // Whatever arrived after the oldest one's end has ended after it, and so has a place.
    const from = oldest === undefined ? since : Math.max(since, this.#arrived[oldest]! + this.#took[oldest]!);
    const keys = this.#keys(from);
    const { length } = keys;
    const atMicros = new Float64Array(length);
    const places = new Uint32Array(length);
    for (let i = 0; i < length; i++) {
      atMicros[i] = Math.floor(keys[i]! / PLACES);
      places[i] = keys[i]! - atMicros[i]! * PLACES;
    }
    return {
      from,
      to: now,
      dropped: from === since ? 0 : this.#ended.since(since, from),
      signatures: [...this.#signatures],
      atMicros,
      signature: picked(this.#signature, places, new Uint16Array(length)),
      rows: picked(this.#rows, places, new Uint32Array(length)),
      budgetMs: picked(this.#budget, places, new Float32Array(length)),
      outcome: picked(this.#outcome, places, new Uint8Array(length)),
      tookMs: picked(this.#took, places, new Float32Array(length)),
    };
  }

  /** The µs and the place of each arrival since `from`, both in one number, ascending: sorting such numbers is fast. */
  #keys(from: Instant): Float64Array {
    const keys = new Float64Array(this.#taken);
    let found = 0;
    for (let place = 0; place < this.#taken; place++) {
      const at = this.#arrived[place]!;
      if (at >= from) keys[found++] = Math.round((at - from) * MICROS) * PLACES + place;
    }
    return keys.subarray(0, found).sort();
  }

  #indexOf(record: RequestRecord): number {
    const { model, version, signatureName } = record;
    const last = this.#signatures[this.#last];
    if (last?.model === model && last.version === version && last.signature === signatureName) return this.#last;
    this.#last = this.#index.get(model)?.get(version)?.get(signatureName) ?? this.#newIndex(record);
    return this.#last;
  }

  #newIndex({ model, version, signatureName: signature }: RequestRecord): number {
    if (this.#signatures.length === MOST_SIGNATURES) this.#clear();
    const versions = this.#index.get(model) ?? new Map<string, Map<string, number>>();
    const signatures = versions.get(version) ?? new Map<string, number>();
    this.#index.set(model, versions.set(version, signatures.set(signature, this.#signatures.length)));
    return this.#signatures.push({ model, version, signature }) - 1;
  }

  #clear(): void {
    this.#signatures = [];
    this.#index = new Map();
    this.#next = 0;
    this.#taken = 0;
  }
}

/** How many requests ended in each of the last seconds. */
class EndsBySecond {
  readonly #counts = new Uint32Array(SECONDS);
  /** The second that a count is of. */
  readonly #seconds = new Float64Array(SECONDS).fill(-1);

  count(at: Instant): void {
    const second = Math.floor(at / 1000);
    const place = second % SECONDS;
    if (this.#seconds[place] !== second) {
      this.#seconds[place] = second;
      this.#counts[place] = 0;
    }
    this.#counts[place]! += 1;
  }

  /** The number between two instants, to a second. */
  since(from: Instant, to: Instant): number {
    let total = 0;
    for (let place = 0; place < SECONDS; place++) {
      const start = this.#seconds[place]! * 1000;
      if (start >= from && start < to) total += this.#counts[place]!;
    }
    return total;
  }
}

/** The elements of a column at `places`. */
function picked<T extends Uint8Array | Uint16Array | Uint32Array | Float32Array>(
  column: T,
  places: Uint32Array,
  into: T,
): T {
  for (let i = 0; i < places.length; i++) into[i] = column[places[i]!]!;
  return into;
}

function outcomeOf({ outcome, error, stages, deadline }: RequestRecord): number {
  switch (outcome) {
    case 'ok':
      return stages.finishedAt > deadline ? LATE : ANSWERED;
    case 'overloaded':
    case 'draining':
    case 'model_not_ready':
      return REFUSED;
    case 'deadline_exceeded':
    case 'body_timeout':
      // Its deadline had not passed: it was refused because no run is so short.
      return error?.attributes?.['reason'] === 'deadline_too_short' ? REFUSED : LATE;
    case 'cancelled':
      return CANCELLED;
    default:
      return FAILED;
  }
}
