/** Looks things up in the file of requests: for the server that writes it, and for `pillion requests --file`. */
import type { RequestEntry } from '../../../admin/request-entry.ts';
import { parseWall } from '../../../core/clock.ts';
import type { HistoryTick, Restart } from '../history/history-report.ts';
import { matchesEntry, type RequestQuery } from '../query/request-query.ts';
import type { RingName } from './ring-format.ts';
import type { FoundRecord } from './ring-reader.ts';

/** An open file of requests. */
export interface RingSource {
  read(ring: RingName): AsyncIterable<FoundRecord>;
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

export async function findRequests(source: RingSource, query: RequestQuery): Promise<FoundRequests> {
  let found: WrittenRequest[] = [];
  const restarts: Restart[] = [];
  const cut = (): WrittenRequest[] => found.sort(orderOf(query)).slice(0, query.limit);
  for await (const record of inSpan(source.read('requests'), query)) {
    if (record.kind === 'start') restarts.push(...restartOf(record));
    if (record.kind !== 'request') continue;
    const written = parsed<WrittenRequest>(record, 'entry');
    if (written === undefined || !matchesEntry(written.entry, query)) continue;
    found.push(written);
    if (found.length > SLACK * query.limit) found = cut();
  }
  return { requests: cut(), restarts: restarts.sort((a, b) => a.started_at_ms - b.started_at_ms) };
}

/** The stretches that end in a span, oldest first. */
export async function findTraffic(
  source: RingSource,
  span: Pick<RequestQuery, 'since' | 'until'>,
): Promise<FoundTraffic> {
  const ticks = new Map<string, HistoryTick>();
  const restarts: Restart[] = [];
  for await (const record of inSpan(source.read('traffic'), span)) {
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

/** The order of a query's answer: by the ends of requests, or by how long they took. */
export function orderOf({ order }: Pick<RequestQuery, 'order'>): (a: WrittenRequest, b: WrittenRequest) => number {
  const byEnd = (a: WrittenRequest, b: WrittenRequest): number => endOf(b.entry) - endOf(a.entry);
  if (order === 'newest') return byEnd;
  return (a, b) => b.entry.duration_ms - a.entry.duration_ms || byEnd(a, b);
}

function endOf({ received_at, duration_ms }: RequestEntry): number {
  return parseWall(received_at) + duration_ms;
}

async function* inSpan(
  records: AsyncIterable<FoundRecord>,
  { since = -Infinity, until = Infinity }: Pick<RequestQuery, 'since' | 'until'>,
): AsyncGenerator<FoundRecord> {
  for await (const record of records) if (record.wallMs >= since && record.wallMs < until) yield record;
}

/** A record's text; undefined where it is none of ours, though its checksum is right: somebody else wrote it. */
function parsed<T extends object>({ text }: FoundRecord, key: keyof T): T | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && key in value ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

function restartOf(record: FoundRecord): readonly Restart[] {
  const { run, version, before } = parsed<WrittenStart>(record, 'run') ?? {};
  return before === undefined || run === undefined || version === undefined
    ? []
    : [{ ended_at_ms: before.at_ms, started_at_ms: run, reason: before.reason, version }];
}
