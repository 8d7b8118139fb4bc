/** The explanation of a version, as GET /models and the console's ticks have it. */
import type { Servable } from '../models/serving/servable.ts';

export type BoundName = 'cores' | 'deadline' | 'queue' | 'memory' | 'callers' | 'event_loop' | 'batch_size' | 'nothing';

export interface Bound {
  readonly bound: BoundName;
  /** "cores: both cores run batches 97 % of the time; …": one sentence without a full stop. */
  readonly sentence: string;
}

export interface ForecastReport {
  /** Requests that were admitted with a deadline of their client, and the share of them that were late. */
  readonly admitted: number;
  readonly late_share: number;
  /** Requests with a forecast of their end. */
  readonly forecasts: number;
  /** Actual end − forecast; below 0 = earlier. Absent without forecasts. */
  readonly error_ms?: { readonly p50: number; readonly p90: number; readonly p99: number; readonly p99_5: number };
}

export interface Explanation {
  /** Absent: the version had no request and no run lately. */
  readonly bound?: Bound;
  /** Absent: none of its requests had a deadline or a forecast lately. */
  readonly forecast?: ForecastReport;
}

export type Explain = (servable: Servable) => Explanation;

/** Looks at all versions as they are now: the explanations of one look go together. */
export type LookAtVersions = () => Explain;
