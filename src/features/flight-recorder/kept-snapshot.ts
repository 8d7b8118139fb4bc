/** Requests of several rings, each once: the newest, or the slowest. */
import type { RequestRing } from '../../ledger/recorder/request-ring.ts';
import type { FlightFilter, RequestSnapshot } from '../../ledger/recorder/request-snapshot.ts';
import type { MinutesRing } from './minutes-ring.ts';

/** Why a request is remembered that no RequestJudge has kept. */
export type KeptAs = 'slowest' | 'failed';

export interface KeptSnapshot extends RequestSnapshot {
  /** Absent = as one of the last, or for the reason in `kept`. */
  readonly keptAs?: KeptAs | undefined;
}

/** A ring, and what is asked of it. */
export interface RequestSource {
  readonly ring: RequestRing | MinutesRing;
  readonly filter: FlightFilter;
  readonly keptAs?: KeptAs | undefined;
}

/** A request before it is copied. */
interface Candidate {
  readonly ring: RequestRing;
  readonly place: number;
  readonly tookMs: number;
  readonly keptAs: KeptAs | undefined;
}

/** The last ended first. */
export function byEnd(a: RequestSnapshot, b: RequestSnapshot): number {
  return b.stages.finishedAt - a.stages.finishedAt || b.sequence - a.sequence;
}

/** The newest of a ring that match, newest first. */
export function newestOf({ ring, filter, keptAs }: RequestSource): readonly KeptSnapshot[] {
  const found = ring.newest(filter);
  return keptAs === undefined ? found : found.map((one) => ({ ...one, keptAs }));
}

/** The newest of all rings, newest first. Of a request in two rings, the first one says why it is remembered. */
export function newestOfAll(sources: readonly RequestSource[], limit: number): readonly KeptSnapshot[] {
  const all = new Map<number, KeptSnapshot>();
  for (const one of sources.flatMap(newestOf)) if (!all.has(one.sequence)) all.set(one.sequence, one);
  return [...all.values()].sort(byEnd).slice(0, limit);
}

/** The slowest of all rings, slowest first. Only those are copied: the rings may have tens of thousands. */
export function slowestOfAll(sources: readonly RequestSource[], limit: number): readonly KeptSnapshot[] {
  const candidates = sources.flatMap(candidatesOf).sort((a, b) => b.tookMs - a.tookMs);
  const all = new Map<number, KeptSnapshot>();
  for (const { ring, place, keptAs } of candidates) {
    if (all.size >= limit) break;
    const sequence = ring.sequenceAt(place);
    if (!all.has(sequence)) all.set(sequence, { ...ring.snapshot(place), keptAs });
  }
  return [...all.values()].sort((a, b) => b.durationMs - a.durationMs || byEnd(a, b));
}

function candidatesOf({ ring, filter, keptAs }: RequestSource): Candidate[] {
  const found: Candidate[] = [];
  for (const each of ring.rings) {
    for (const place of each.matching(filter)) found.push({ ring: each, place, tookMs: each.tookAt(place), keptAs });
  }
  return found;
}
