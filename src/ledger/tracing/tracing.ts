/** The seams of whoever makes and sends spans of records, or sends metrics: a feature, or nobody. */
import type { BatchRecord, KeepReason, RequestRecord } from '../request-record.ts';
import type { Sampling } from './sampling.ts';
import type { SpanOutput } from './span-output.ts';

/** Makes spans from records. */
export interface SpanSink {
  /** Makes the spans of a request that has ended; none if it is neither sampled nor kept. */
  makeRequestSpans(record: RequestRecord, kept: KeepReason | undefined): void;
  /** Makes the spans of a batch that has run, a little later; none if no member is sampled or kept. */
  makeBatchSpans(record: BatchRecord): void;
  /** Has others make spans, of records of their own. */
  makeSpans(make: (output: SpanOutput) => void): void;
}

/** Trace contexts are made from the first request on, spans once it has started. */
export interface Tracing extends SpanSink {
  /** Decides which requests are traced. */
  readonly sampling: Sampling;
}

/** Losses at the end, as fields of a log line. */
export type FlushLosses = Readonly<Record<string, unknown>>;

/** Sends what telemetry has to a collector. */
export interface Exporter {
  /** Imports and starts what it needs. Never rejects: if it does not start, one error is logged. Idempotent. */
  start(): Promise<void>;
  /** Sends the rest, for a bounded time, and resolves with what was lost. Never rejects. Idempotent. */
  shutdown(): Promise<FlushLosses>;
}
