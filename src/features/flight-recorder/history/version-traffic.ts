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

  /** Counts a request that ended in a slot, not long ago. */
  add(record: RequestRecord, slot: number): void {
    const place = slot % SLOTS;
    if (this.#slots[place] !== slot) this.#begin(place, slot);
    const counts = this.#counts;
    const at = place * COLUMNS;
    const { stages, outcome } = record;
    counts[at + ROWS]! += record.rows;
    if (outcome !== 'ok') {
      this.#addFailure(at, record);
      return;
    }
    counts[at + ANSWERED]! += 1;
    if (stages.finishedAt <= record.deadline) counts[at + IN_TIME]! += 1;
    const bucket = Math.min(BUCKETS - 1, bucketOf(stages.finishedAt - stages.startedAt));
    counts[at + DURATIONS + bucket]! += 1;
    const sums = place * STAGES.length;
    for (let stage = 0; stage < STAGES.length; stage++) this.#stages[sums + stage]! += stages.lengthOf(stage);
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
