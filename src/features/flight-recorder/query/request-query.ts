/**
 * The parameters of GET /requests, which say what requests somebody asks for. `pillion requests` passes its options on as
 * such parameters.
 */
import type { Refusal } from '../../../admin/access-guard.ts';
import type { RequestEntry } from '../../../admin/request-entry.ts';
import { parseWall } from '../../../core/clock.ts';
import { ERROR_TABLE } from '../../../core/errors.ts';
import { type FlightFilter, isCaller } from '../../../ledger/recorder/request-snapshot.ts';
import { readTime, TIME_FORMS } from './read-time.ts';

/** Instants of a query are wall time, in ms since 1970. */
export interface RequestQuery extends FlightFilter {
  /** The order in which the limit cuts. */
  readonly order: RequestOrder;
}

export type RequestOrder = 'newest' | 'slowest';

export const ORDERS: readonly RequestOrder[] = ['newest', 'slowest'];
export const OUTCOMES: readonly string[] = ['ok', 'failed', ...Object.keys(ERROR_TABLE)];
export const KEPT: readonly string[] = ['slow', 'failed'];
/** Most requests of a file in one answer: what memory has is bounded by itself, a file may be much larger. */
export const MOST_OF_FILE = 1000;
const DEFAULT_LIMIT = 100;
const TEXTS = ['model', 'version', 'caller', 'id'] as const;
const PARAMETERS: readonly string[] = [
  ...TEXTS,
  ...['outcome', 'kept', 'trace', 'error', 'since', 'until', 'order', 'limit'],
];

/** Reads a query; a refusal names every mistake. */
export function readRequestQuery(query: URLSearchParams, nowMs: number): RequestQuery | Refusal {
  const wrong: string[] = [];
  for (const name of query.keys()) if (!PARAMETERS.includes(name)) wrong.push(`unknown parameter "${name}"`);
  // A form sends an empty value for a field that was left empty.
  const value = (name: string): string | undefined => query.get(name) || undefined;
  const oneOf = (name: string, known: readonly string[]): string | undefined => {
    const found = value(name);
    if (found !== undefined && !known.includes(found)) wrong.push(`${name}=${found} wants one of ${known.join(', ')}`);
    return found;
  };
  const time = (name: string): number | undefined => {
    const text = value(name);
    const found = text === undefined ? undefined : readTime(text, nowMs);
    if (text !== undefined && found === undefined) wrong.push(`${name}=${text} wants ${TIME_FORMS}`);
    return found;
  };
  const limit = Number(value('limit') ?? DEFAULT_LIMIT);
  if (!Number.isSafeInteger(limit) || limit < 1) {
    wrong.push(`limit=${query.get('limit')} wants a whole number from 1`);
  }
  const read = {
    ...Object.fromEntries(TEXTS.map((name) => [name, value(name)])),
    outcome: oneOf('outcome', OUTCOMES) as RequestQuery['outcome'],
    kept: oneOf('kept', KEPT) as RequestQuery['kept'],
    traceId: value('trace')?.toLowerCase(),
    error: value('error')?.toLowerCase(),
    since: time('since'),
    until: time('until'),
    order: (oneOf('order', ORDERS) as RequestOrder | undefined) ?? 'newest',
    limit,
  };
  return wrong.length === 0 ? read : { status: 400, text: wrong.join('; ') };
}

/** True if a written entry is one of those that are asked for, as the recorder's own filter says of a request. */
export function matchesEntry(entry: RequestEntry, query: RequestQuery): boolean {
  const { model, version, outcome, kept, caller, id, traceId, error, since, until } = query;
  const arrived = parseWall(entry.received_at);
  return (
    (model === undefined || entry.model === model) &&
    (version === undefined || entry.version === version) &&
    (outcome === undefined || (outcome === 'failed' ? entry.outcome !== 'ok' : entry.outcome === outcome)) &&
    (kept === undefined || entry.kept === kept || (kept === 'slow' && entry.kept === 'slowest')) &&
    (since === undefined || arrived >= since) &&
    (until === undefined || arrived < until) &&
    (caller === undefined || isCaller(entry.peer, caller)) &&
    (traceId === undefined || entry.trace_id === traceId) &&
    (error === undefined || entry.error?.message.toLowerCase().includes(error) === true) &&
    (id === undefined || entry.id === id)
  );
}
