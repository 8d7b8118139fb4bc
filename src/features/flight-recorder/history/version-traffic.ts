/**
 * The traffic of one version in the last SLOTS stretches of SLOT_MS, in columns of numbers:
 *
 *   slot      …   17   │   18   │   19   │  …
 *   counts       in time, rows, outcomes, reasons, durations      (COLUMNS numbers for each slot)
 *   stages       the sums of the eight stages, in ms
 *
 * A slot takes the place of the one SLOTS before. Counting allocates nothing. A version takes 93 KB.
 */

import { bucketOf, sparse } from '../../../ledger/latency-buckets.ts';
import {
  DEADLINE,
  NUMBERS,
  ROWS as ROWS_OF_REQUEST,
  STAGE_INSTANTS,
} from '../../../ledger/recorder/request-columns.ts';
import type { RequestRing } from '../../../ledger/recorder/request-ring.ts';
import type { RequestRecord } from '../../../ledger/request-record.ts';
import { STAGES } from '../../../ledger/stage-clock.ts';
import { type HistoryVersion, KINDS, rounded } from './history-report.ts';

export const SLOT_MS = 10_000;
/** A quarter of an hour, and the slot that fills. */
export const SLOTS = 91;

const IN_TIME = 0;
const ROWS = 1;
const ANSWERED = 2;
/** Kinds of errors, in the order of KINDS. */
const FAILED = 3;
/** Reasons of refusals that are not the model's own overload; all others of `overloaded` are. */
const REASONS = ['caller_core_share', 'caller_budget', 'caller_limit', 'queue_memory', 'memory'] as const;
const REFUSED = FAILED + KINDS.length;
const DURATIONS = REFUSED + REASONS.length;
/** Durations from 10 µs to 5 minutes; longer ones count as that. */
const BUCKETS = 200;
const COLUMNS = DURATIONS + BUCKETS;

const KIND_INDEX: ReadonlyMap<string, number> = new Map(KINDS.map((kind, i) => [kind, i]));

export class VersionTraffic {
  readonly model: string;
  readonly version: string;
  /** The slot of the last request. */
  lastSlot = -1;
  /** The slot that each place is of. */
  readonly #slots = new Float64Array(SLOTS).fill(-1);
  readonly #counts = new Uint32Array(SLOTS * COLUMNS);
  readonly #stages = new Float64Array(SLOTS * STAGES.length);

  constructor(model: string, version: string) {
    this.model = model;
    this.version = version;
  }

  /** Counts answered requests at places `from` to `to` − 1 of the ledger's ring, which ended in one slot, not long ago. */
  addAnswered(ring: RequestRing, from: number, to: number, slot: number): void {
    const at = this.#placeOf(slot) * COLUMNS;
    const sums = this.#placeOf(slot) * STAGES.length;
    const counts = this.#counts;
    const stages = this.#stages;
    const { numbers } = ring;
    for (let place = from; place < to; place++) {
      const first = place * NUMBERS + STAGE_INSTANTS;
      counts[at + ROWS]! += numbers[place * NUMBERS + ROWS_OF_REQUEST]!;
      const ended = ring.endedAt(place);
      if (ended <= numbers[place * NUMBERS + DEADLINE]!) counts[at + IN_TIME]! += 1;
      const bucket = Math.min(BUCKETS - 1, bucketOf(ended - numbers[first]!));
      counts[at + DURATIONS + bucket]! += 1;
      // A stage's length is the next instant less its own, also where it was not reached (stage-clock.ts).
      for (let i = 0; i < STAGES.length; i++) stages[sums + i]! += numbers[first + i + 1]! - numbers[first + i]!;
    }
    counts[at + ANSWERED]! += to - from;
  }

  /** Counts a request that failed in a slot, not long ago. */
  addFailed(record: RequestRecord, slot: number): void {
    const at = this.#placeOf(slot) * COLUMNS;
    this.#counts[at + ROWS]! += record.rows;
    this.#addFailure(at, record);
  }

  /** The counts of a slot; undefined if it had no request. */
  read(slot: number): HistoryVersion | undefined {
    const place = slot % SLOTS;
    if (this.#slots[place] !== slot) return undefined;
    const counts = this.#counts.subarray(place * COLUMNS, (place + 1) * COLUMNS);
    const answered = counts[ANSWERED]!;
    const failures = named(KINDS, counts.subarray(FAILED, REFUSED));
    const refusals = named(REASONS, counts.subarray(REFUSED, DURATIONS));
    const sums = this.#stages.subarray(place * STAGES.length, (place + 1) * STAGES.length);
    return {
      ...{ model: this.model, version: this.version },
      requests: answered + Object.values(failures).reduce((sum, count) => sum + count, 0),
      in_time: counts[IN_TIME]!,
      rows: counts[ROWS]!,
      failures,
      ...(Object.keys(refusals).length > 0 && { refusals }),
      latency: sparse(counts.subarray(DURATIONS)),
      stages_ms: answered === 0 ? [] : [...sums].map((ms) => rounded(ms / answered)),
    };
  }

  #placeOf(slot: number): number {
    const place = slot % SLOTS;
    if (this.#slots[place] !== slot) this.#begin(place, slot);
    return place;
  }

  #begin(place: number, slot: number): void {
    this.#slots[place] = slot;
    this.#counts.fill(0, place * COLUMNS, (place + 1) * COLUMNS);
    this.#stages.fill(0, place * STAGES.length, (place + 1) * STAGES.length);
    this.lastSlot = slot;
  }

  #addFailure(at: number, { outcome, error }: RequestRecord): void {
    this.#counts[at + FAILED + KIND_INDEX.get(outcome)!]! += 1;
    if (outcome !== 'overloaded') return;
    const reason = REASONS.indexOf(error?.attributes?.['reason'] as (typeof REASONS)[number]);
    if (reason !== -1) this.#counts[at + REFUSED + reason]! += 1;
  }
}

/** The counts above 0, by their names. */
function named(names: readonly string[], counts: Uint32Array): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [i, name] of names.entries()) if (counts[i]! > 0) found[name] = counts[i]!;
  return found;
}
