/** Looks things up in the file of requests: for the server that writes it, and for `pillion requests --file`. */
import type { RequestEntry } from '../../../admin/request-entry.ts';
import { parseWall } from '../../../core/clock.ts';
import type { HistoryTick, Restart } from '../history/history-report.ts';
import { matchesEntry, type RequestQuery } from '../query/request-query.ts';
import { quickFilter } from './quick-filter.ts';
import type { ReadRecord, RingName } from './ring-format.ts';
import type { Part } from './ring-reader.ts';

type Span = Pick<RequestQuery, 'since' | 'until'>;

/** An open file of requests. */
export interface RingSource {
  /** Its parts, the newest first; those whose first record is later than `notAfterMs` may be left out. */
  read(ring: RingName, notAfterMs?: number): AsyncIterable<Part>;
}

/** A request, and when the run of the server started that answered it: ms since 1970. */
export interface WrittenRequest {
  readonly run: number;
  readonly entry: RequestEntry;
}

/** The text of a `traffic` record. A stretch with many versions is in several. */
export interface WrittenTraffic extends HistoryTick {
  readonly run: number;
}

/** The text of a `start` record. */
export interface WrittenStart {
  readonly run: number;
  readonly version: string;
  /** Absent: the file was new. */
  readonly before?: { readonly at_ms: number; readonly reason: Restart['reason'] };
}

export interface FoundRequests {
  /** They are in the order of the query, and at most its limit. */
  readonly requests: readonly WrittenRequest[];
  readonly restarts: readonly Restart[];
}

/** Stretches of traffic, oldest first. */
export interface FoundTraffic {
  readonly ticks: readonly HistoryTick[];
  readonly restarts: readonly Restart[];
}

/** A list that is cut has at most this many times its limit, so that sorting is rare. */
const SLACK = 4;
/**
 * The most time from the end of a request to its record: the slowest of a minute are written after it. So what stands
 * before a record in the ring has ended before that record's end, or this much later.
 */
const WRITTEN_WITHIN_MS = 150_000;
/** A request that took longer than this may be missing where its end is after the span that is asked for. */
const LONGEST_MS = 3600_000;

/** Reads from the newest to the oldest, and stops where what is before cannot be in the answer. */
export async function findRequests(source: RingSource, query: RequestQuery): Promise<FoundRequests> {
  const { since = -Infinity, until = Infinity, limit } = query;
  const mayMatch = quickFilter(query);
  const order = orderOf(query);
  let found: WrittenRequest[] = [];
  let restarts: Restart[] | undefined = [];
  const cut = (): WrittenRequest[] => found.sort(order).slice(0, limit);
  for await (const part of source.read('requests', until + LONGEST_MS + WRITTEN_WITHIN_MS)) {
    for (const record of part) {
      if (record.wallMs < since || record.wallMs >= until) continue;
      if (record.kind === 'start') restarts.push(...restartOf(record));
      if (record.kind !== 'request' || !mayMatch(record.bytes)) continue;
      const written = parsed<WrittenRequest>(record, 'entry');
      if (written === undefined || !matchesEntry(written.entry, query)) continue;
      found.push(written);
      if (found.length <= SLACK * limit) continue;
      found = cut();
      mayMatch.onCut(found.at(-1)!.entry);
    }
    const before = latestBefore(part);
    if (before < since) break;
    if (query.order !== 'newest' || found.length < limit) continue;
    found = cut();
    if (endOf(found.at(-1)!.entry) < before) continue;
    // The rest of the ring has restarts alone to tell, and the ring of traffic has them, too.
    restarts = undefined;
    break;
  }
  restarts ??= await findRestarts(source, query);
  return { requests: cut(), restarts: restarts.sort((a, b) => a.started_at_ms - b.started_at_ms) };
}

/** The stretches that end in a span, oldest first. */
export async function findTraffic(source: RingSource, span: Span): Promise<FoundTraffic> {
  const ticks = new Map<string, HistoryTick>();
  const restarts: Restart[] = [];
  for await (const record of trafficIn(source, span)) {
    if (record.kind === 'start') restarts.push(...restartOf(record));
    if (record.kind !== 'traffic') continue;
    const written = parsed<WrittenTraffic>(record, 'versions');
    if (written === undefined) continue;
    const { run, ...tick } = written;
    const key = `${run} ${tick.at_ms}`;
    const versions = [...(ticks.get(key)?.versions ?? []), ...tick.versions];
    ticks.set(key, { ...tick, versions });
  }
  return {
    ticks: [...ticks.values()].sort((a, b) => a.at_ms - b.at_ms),
    restarts: restarts.sort((a, b) => a.started_at_ms - b.started_at_ms),
  };
}

async function findRestarts(source: RingSource, span: Span): Promise<Restart[]> {
  const restarts: Restart[] = [];
  for await (const record of trafficIn(source, span)) {
    if (record.kind === 'start') restarts.push(...restartOf(record));
  }
  return restarts;
}

/** The records of traffic in a span. They are written in the order of their times, but for corrections of the clock. */
async function* trafficIn(
  source: RingSource,
  { since = -Infinity, until = Infinity }: Span,
): AsyncGenerator<ReadRecord> {
  for await (const part of source.read('traffic', until + WRITTEN_WITHIN_MS)) {
    for (const record of part) if (record.wallMs >= since && record.wallMs < until) yield record;
    if (part[0]!.wallMs + WRITTEN_WITHIN_MS < since) return;
  }
}

/** The latest end of a request that is written before a part. */
function latestBefore([first]: Part): number {
  const written = first!.kind === 'request' ? parsed<WrittenRequest>(first!, 'entry') : undefined;
  return (written === undefined ? first!.wallMs : endOf(written.entry)) + WRITTEN_WITHIN_MS;
}

/** The order of a query's answer: by the ends of requests, or by how long they took. */
export function orderOf({ order }: Pick<RequestQuery, 'order'>): (a: WrittenRequest, b: WrittenRequest) => number {
  const byEnd = (a: WrittenRequest, b: WrittenRequest): number => endOf(b.entry) - endOf(a.entry);
  if (order === 'newest') return byEnd;
  return (a, b) => b.entry.duration_ms - a.entry.duration_ms || byEnd(a, b);
}

function endOf({ received_at, duration_ms }: RequestEntry): number {
  return parseWall(received_at) + duration_ms;
}

/** A record's text; undefined where it is none of ours, though its checksum is right: somebody else wrote it. */
function parsed<T extends object>({ text }: ReadRecord, key: keyof T): T | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && key in value ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

function restartOf(record: ReadRecord): readonly Restart[] {
  const { run, version, before } = parsed<WrittenStart>(record, 'run') ?? {};
  return before === undefined || run === undefined || version === undefined
    ? []
    : [{ ended_at_ms: before.at_ms, started_at_ms: run, reason: before.reason, version }];
}
