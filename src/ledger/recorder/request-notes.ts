/** Makes what the places of a ring say of the few requests that are not ordinary. */
import type { CacheUse, KeepReason, RequestRecord } from '../request-record.ts';
import type { Notes } from './read-request.ts';
import { cut, errorFacts, stepFacts } from './request-snapshot.ts';

/** Those of an ordinary request. */
export const NO_NOTES: Notes = { outcome: 'ok', error: undefined, callerId: undefined, kept: undefined };
/** Notes of requests that are ordinary but for the cache. They are shared, as a busy cache makes many. */
const CACHE_NOTES: Readonly<Record<CacheUse, Notes>> = {
  hit: { ...NO_NOTES, cache: 'hit' },
  coalesced: { ...NO_NOTES, cache: 'coalesced' },
  miss: { ...NO_NOTES, cache: 'miss' },
};

/** Undefined for an ordinary request. */
export function notesOf(record: RequestRecord, kept: KeepReason | undefined): Notes | undefined {
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
