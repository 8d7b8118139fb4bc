/** What a model keeps beside its versions, for GET /models: the states of sequences, and answers. */
import type { SequenceTable } from '../models/sequences/sequence-table.ts';
import type { CacheFacts } from '../models/serving/servable.ts';

/** The sequences whose state is kept. */
export interface SequencesReport {
  readonly open: number;
  readonly state_bytes: number;
  /** By the version that they run on, which may be unloading. */
  readonly versions: Readonly<Record<string, number>>;
  /** How many were started and refused, and how the others ended. */
  readonly events: Readonly<Record<string, number>>;
}

/** The kept answers of a model, over its versions. */
export interface CacheReport {
  readonly answers: number;
  readonly bytes: number;
  readonly evictions: number;
  /** How requests were served since the start. */
  readonly hits: number;
  readonly misses: number;
  readonly coalesced: number;
  readonly bypassed: number;
}

/** Undefined if the model has had none. */
export function sequencesReport(table: SequenceTable | undefined): SequencesReport | undefined {
  if (table === undefined || table.counts.size === 0) return undefined;
  const versions = [...table.openByVersion()].map(([version, count]) => [version.toString(), count]);
  return {
    open: table.open,
    state_bytes: table.bytes,
    versions: Object.fromEntries(versions),
    events: Object.fromEntries(table.counts),
  };
}

/** Undefined if the model keeps no answers. */
export function cacheReport(cache: CacheFacts | undefined): CacheReport | undefined {
  if (cache === undefined) return undefined;
  const { size: answers, bytes, evictions } = cache;
  const { hit: hits, miss: misses, coalesced, bypass: bypassed } = cache.counts;
  return { answers, bytes, evictions, hits, misses, coalesced, bypassed };
}
