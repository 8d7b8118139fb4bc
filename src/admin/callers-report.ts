/** GET /callers: the callers whose requests took most of the cores' time lately, the first one most of all. */
import type { Instant } from '../core/clock.ts';

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
