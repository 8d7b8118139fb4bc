/**
 * The application's traffic for people: what went to it in the last half minute, by kind of traffic, method and route.
 * It counts only while somebody looks, and only so many routes (route-names.ts): others are counted together.
 */
import type { Clock } from '../../../core/clock.ts';
import { BUCKETS, type BucketCount, bucketOf, percentileMs, sparse } from '../../../ledger/latency-buckets.ts';
import { showNumber } from '../../../ledger/quantities.ts';
import { RecentSlots } from '../../../ledger/recent-slots.ts';
import {
  plain,
  type Report,
  type ReportSource,
  type ReportTable,
  type Sentence,
  warn,
} from '../../../ledger/report.ts';
import { methodClass } from '../../../ledger/tracing/http-methods.ts';
import type { FrontedOutcome, FrontedRecord } from './fronted-record.ts';
import { OTHER_ROUTES, RouteNames } from './route-names.ts';

/** The counts of one kind of traffic in one slot. */
class Counts {
  requests = 0;
  failed = 0;
  abandoned = 0;
  readonly durations = new Uint32Array(BUCKETS);
}

/** The counts over a window. */
interface Sum {
  readonly kind: string;
  readonly isStream: boolean;
  requests: number;
  failed: number;
  abandoned: number;
  readonly latency: (readonly BucketCount[])[];
}

/** Nobody waited for the end of the answer. */
const ABANDONED: ReadonlySet<FrontedOutcome> = new Set([
  'client_left',
  'client_stalled',
  'cancelled',
  'deadline_exceeded',
]);
const WELL: ReadonlySet<FrontedOutcome> = new Set(['ok', 'upgraded']);
const SERVER_FAULT = 500;
/** Ends when somebody has had enough. */
const STREAMS: ReadonlySet<string> = new Set(['sse', 'upgrade']);

/** Kinds that are counted in a slot, beside those of OTHER_ROUTES. */
const MOST_KINDS = 128;
/** Rows of the table. */
const MOST_ROWS = 40;

/** The requests that the application has now. */
export interface AppNow {
  readonly inFlight: number;
}

export class AppReport implements ReportSource {
  readonly name = 'application';
  readonly title = 'Application';
  readonly #now: AppNow;
  readonly #slots: RecentSlots<Map<string, Counts>>;
  readonly #names = new RouteNames();
  #isWatched = false;

  constructor(clock: Clock, now: AppNow) {
    this.#now = now;
    this.#slots = new RecentSlots(clock, () => new Map());
  }

  watch(isWatched: boolean): void {
    this.#isWatched = isWatched;
    this.#names.clear();
    this.#slots.restart();
  }

  /** Call it with a record that is over. */
  record(record: FrontedRecord): void {
    if (!this.#isWatched) return;
    const { route, arrival, rpcMethod, outcome, status, receivedAt, headAt, endedAt } = record;
    const way = `${route} ${rpcMethod ?? methodClass(arrival.method)}`;
    const kind = rpcMethod === undefined ? `${way} ${this.#names.nameOf(record)}` : way;
    const counts = countsOf(this.#slots.current, kind, `${way} ${OTHER_ROUTES}`);
    counts.requests += 1;
    if (ABANDONED.has(outcome)) counts.abandoned += 1;
    else if (!WELL.has(outcome) || status >= SERVER_FAULT) counts.failed += 1;
    if (headAt === 0) return;
    counts.durations[bucketOf((STREAMS.has(route) ? headAt : endedAt) - receivedAt)]! += 1;
  }

  read(): Report {
    return appReport(this.#sums(), this.#slots.seconds, this.#now.inFlight);
  }

  /** The busiest kind first. */
  #sums(): readonly Sum[] {
    const sums = new Map<string, Sum>();
    for (const [kind, counts] of this.#slots.all.flatMap((slot) => [...slot])) {
      const isStream = STREAMS.has(kind.slice(0, kind.indexOf(' ')));
      const sum = sums.get(kind) ?? { kind, isStream, requests: 0, failed: 0, abandoned: 0, latency: [] };
      sums.set(kind, sum);
      sum.requests += counts.requests;
      sum.failed += counts.failed;
      sum.abandoned += counts.abandoned;
      sum.latency.push(sparse(counts.durations));
    }
    return [...sums.values()].sort((a, b) => b.requests - a.requests);
  }
}

/** The counts of a kind; of a kind that takes its place, if the slot has too many: names may change within it. */
function countsOf(slot: Map<string, Counts>, kind: string, otherwise: string): Counts {
  const key = slot.has(kind) || slot.size < MOST_KINDS ? kind : otherwise;
  const counts = slot.get(key) ?? new Counts();
  slot.set(key, counts);
  return counts;
}

function appReport(sums: readonly Sum[], seconds: number, inFlight: number): Report {
  const covers = 'Requests that ended in the last half minute, counted while a page of the console is open.';
  return { covers, sentences: wordsOf(sums, seconds, inFlight), tables: [tableOf(sums.slice(0, MOST_ROWS), seconds)] };
}

function wordsOf(sums: readonly Sum[], seconds: number, inFlight: number): readonly Sentence[] {
  const total = (of: 'requests' | 'failed' | 'abandoned'): number =>
    sums.reduce((sum, each) => sum + each[of], 0) / seconds;
  const open = inFlight === 0 ? 'It has none now.' : `It has ${inFlight} now.`;
  if (sums.length === 0) return [plain(`No request for the application has ended lately. ${open}`)];
  const said = [plain(`The application gets ${showNumber(total('requests'))} requests per second. ${open}`)];
  if (total('failed') > 0) {
    said.push(
      warn(`${showNumber(total('failed'))} per second failed: it answered 5xx, broke off, or could not be asked.`),
    );
  }
  if (total('abandoned') > 0) {
    said.push(
      warn(
        `${showNumber(total('abandoned'))} per second were abandoned: the client left or stalled, or the deadline passed.`,
      ),
    );
  }
  if (sums.length > MOST_ROWS) said.push(plain(`The table has the busiest ${MOST_ROWS} of ${sums.length} routes.`));
  if (sums.some(({ isStream }) => isStream)) {
    said.push(plain('The times of event streams and upgrades are those until the answer began.'));
  }
  return said;
}

function tableOf(sums: readonly Sum[], seconds: number): ReportTable {
  return {
    title: 'By route',
    columns: [
      { key: 'kind', title: 'Route', unit: 'text' },
      { key: 'requests', title: 'Requests', unit: 'rate' },
      { key: 'failed', title: 'Errors', unit: 'rate' },
      { key: 'abandoned', title: 'Abandoned', unit: 'rate' },
      { key: 'p50', title: 'p50', unit: 'ms' },
      { key: 'p99', title: 'p99', unit: 'ms' },
    ],
    rows: sums.map(({ kind, requests, failed, abandoned, latency }) => ({
      kind,
      requests: requests / seconds,
      failed: failed / seconds,
      abandoned: abandoned / seconds,
      p50: percentileMs(latency, 0.5),
      p99: percentileMs(latency, 0.99),
    })),
    empty: 'Nothing has ended in the last half minute.',
  };
}
