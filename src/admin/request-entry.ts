/**
 * One request in GET /requests: its caller, its outcome, the times of its stages and the members of its batch. Sizes
 * are bytes, durations ms, and times count from the first header. An unknown value is left out, never 0.
 */
import type { ErrorFacts } from '../ledger/recorder/request-snapshot.ts';

export interface RequestEntry {
  readonly id: string;
  /** The id of its trace, whose spans may have been exported or not. */
  readonly trace_id?: string;
  /** A page that shows its trace, by --trace_url_template. Absent: there is none, or none of its spans are exported. */
  readonly trace_url?: string;
  readonly surface: string;
  readonly method: string;
  /** Empty if no such model is served. Version and signature are empty, too, if the version was not loaded. */
  readonly model: string;
  readonly version: string;
  readonly signature: string;
  readonly rows: number;
  readonly request_bytes: number;
  readonly response_bytes: number;
  /** 'ok' or the error's kind. */
  readonly outcome: string;
  readonly error?: ErrorFacts;
  /** 'host:port' or a socket's path. */
  readonly peer: string;
  /** Wall time, ISO 8601. */
  readonly received_at: string;
  readonly duration_ms: number;
  /** The stages in order, without skipped ones. */
  readonly stages: readonly StageEntry[];
  /** Why it is remembered. `slow`: for its version; `slowest`: it is one of the slowest of its minute. */
  readonly kept: 'recent' | 'slow' | 'slowest' | 'failed';
  /** Events that are no stage, such as a retried run or an open circuit breaker. */
  readonly events?: readonly EventEntry[];
  readonly batch?: BatchEntry;
  /** How its model's response cache served it: 'hit', 'coalesced' or 'miss'. Absent: it has none, or was not asked. */
  readonly cache?: string;
  /** The steps of an ensemble's request, in the order in which they ended. */
  readonly steps?: readonly StepEntry[];
  /** Set if its first batch failed and it was run again apart from the other members. */
  readonly isolated?: IsolationEntry;
  /** GET /requests/ID/payload has it. */
  readonly has_payload: boolean;
}

export interface EventEntry {
  /** The name of the span event (docs/reference/semantic-conventions.md). */
  readonly name: string;
  readonly at_ms: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

export interface StageEntry {
  readonly name: string;
  readonly start_ms: number;
  readonly duration_ms: number;
}

/** The request's batch; the last one of a request that was split over several. */
export interface BatchEntry {
  readonly id: string;
  readonly rows: number;
  /** Rows with padding. */
  readonly size: number;
  readonly tasks: number;
  /** Why it left the queue: 'full', 'enough', 'slot_free', 'timeout' or 'isolation'. */
  readonly reason: string;
  readonly expected_ms?: number;
  readonly run_ms?: number;
  /** Ids of the other batch members that are known. */
  readonly mates: readonly string[];
}

/** One step of an ensemble's request: a request for its model. */
export interface StepEntry {
  readonly model: string;
  readonly version: string;
  readonly outcome: string;
  readonly cache?: string;
  readonly start_ms: number;
  readonly duration_ms: number;
  /** Rows of its batch. */
  readonly rows?: number;
  /** The steps of its own, if its model is an ensemble, too. */
  readonly steps?: readonly StepEntry[];
}

export interface IsolationEntry {
  /** The kind of the batch's error. */
  readonly because: string;
  /** Members of the batch: requests, or parts of large ones. */
  readonly tasks: number;
  /** Time since the first header. */
  readonly at_ms: number;
}
