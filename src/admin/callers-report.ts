/** GET /callers: the callers whose requests took most of the cores' time lately, the first one most of all. */
import type { Clock, Instant } from '../core/clock.ts';
import { showNumber, showShare } from '../ledger/quantities.ts';
import { plain, type Report, type ReportSource, type Sentence } from '../ledger/report.ts';

/** The part of the scheduler's table of callers that is reported. */
export interface ReportedCallers {
  readonly size: number;
  top(count: number, now: Instant): readonly ReportedCaller[];
}

interface ReportedCaller {
  readonly caller: string;
  readonly requests: number;
  readonly waitingRows: number;
  readonly coreMs: number;
  cores(now: Instant): number;
}

export interface CallersReport {
  /** Callers that are known; those of the last ten seconds at least, up to the table's size. */
  readonly known: number;
  readonly callers: readonly CallerReport[];
}

export interface CallerReport {
  /** The caller as docs/why/security.md defines it; `others` are those that the table has no place for. */
  readonly caller: string;
  /** Cores that its runs took over the last ten seconds, on average. */
  readonly cores: number;
  /** Time of its runs since it is known. */
  readonly core_seconds: number;
  /** Requests that reached the scheduler, refused ones included. */
  readonly requests: number;
  readonly waiting_rows: number;
}

const MOST_CALLERS = 20;

export function callersReport(table: ReportedCallers, now: Instant): CallersReport {
  const callers = table.top(MOST_CALLERS, now).map((use) => ({
    caller: use.caller,
    cores: Number(use.cores(now).toFixed(3)),
    core_seconds: Number((use.coreMs / 1000).toFixed(3)),
    requests: use.requests,
    waiting_rows: use.waitingRows,
  }));
  return { known: table.size, callers };
}

/** The same as a page of reports. */
export function callersSource(table: ReportedCallers, clock: Clock): ReportSource {
  return { name: 'callers', title: 'Callers', read: () => callersPage(callersReport(table, clock.nowMs())) };
}

export function callersPage({ known, callers }: CallersReport): Report {
  const cores = callers.reduce((sum, each) => sum + each.cores, 0);
  return {
    covers: 'Shares are of the last ten seconds, requests of the time since a caller is known.',
    sentences: callerWords({ known, callers }, cores),
    tables: [
      {
        title: 'Shares of the cores',
        columns: [
          { key: 'caller', title: 'Caller', unit: 'text' },
          { key: 'share', title: 'Share', unit: 'share' },
          { key: 'cores', title: 'Cores', unit: 'count' },
          { key: 'waiting_rows', title: 'Rows that wait', unit: 'count' },
          { key: 'requests', title: 'Requests', unit: 'count' },
        ],
        rows: callers.map(({ caller, cores: own, waiting_rows, requests }) => ({
          ...{ caller, cores: own, waiting_rows, requests },
          share: cores === 0 ? undefined : own / cores,
        })),
        empty: 'No caller has asked for a run in the last seconds.',
      },
    ],
  };
}

function callerWords({ known, callers }: CallersReport, cores: number): readonly Sentence[] {
  const [first] = callers;
  if (first === undefined) return [plain('No caller is known: none has asked for a run in the last seconds.')];
  const waiting = callers.filter(({ waiting_rows }) => waiting_rows > 0).length;
  return [
    cores === 0
      ? plain('No run has taken a core in the last ten seconds.')
      : plain(
          `${first.caller} takes most: ${showShare(first.cores / cores)} of the ${showNumber(cores)} cores that runs took over ten seconds.`,
        ),
    ...(waiting > 1
      ? [plain(`Requests of ${waiting} callers wait: beside a crowd, those of callers that hold little go first.`)]
      : []),
    ...(known > callers.length ? [plain(`${known} callers are known; these ${callers.length} take most.`)] : []),
  ];
}
