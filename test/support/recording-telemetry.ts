/**
 * Telemetry that keeps what it is told, for tests to look at. Its trace ids count up from 1, so that a test can name
 * them.
 */
import type { TraceHeaders } from '../../src/core/executor.ts';
import type { BatchRecord, CallerTrace, RequestRecord, Telemetry } from '../../src/ledger/request-record.ts';
import { traceHeadersOf, W3C } from '../../src/ledger/tracing/propagation.ts';
import type { TraceContext } from '../../src/ledger/tracing/trace-context.ts';

export interface RecordingTelemetryOptions {
  /** The decision for requests whose caller decided nothing. Default true. */
  readonly isSampled?: boolean;
}

export class RecordingTelemetry implements Telemetry {
  readonly requests: RequestRecord[] = [];
  readonly batches: BatchRecord[] = [];
  readonly #isSampled: boolean;
  #lastId = 0;

  constructor({ isSampled = true }: RecordingTelemetryOptions = {}) {
    this.#isSampled = isSampled;
  }

  startTrace(caller: CallerTrace | undefined): TraceContext {
    return {
      traceId: caller?.traceId ?? this.#nextId(32),
      spanId: this.#nextId(16),
      parentSpanId: caller?.spanId,
      isSampled: caller?.isSampled ?? this.#isSampled,
      traceState: caller?.traceState,
    };
  }

  startBatchTrace(owner: TraceContext): TraceContext {
    return { ...owner, spanId: this.#nextId(16), parentSpanId: owner.spanId };
  }

  traceHeaders(context: TraceContext): TraceHeaders {
    return traceHeadersOf(context, W3C);
  }

  recordRequest(record: RequestRecord): void {
    this.requests.push(record);
  }

  recordBatch(record: BatchRecord): void {
    this.batches.push(record);
  }

  #nextId(digits: number): string {
    this.#lastId += 1;
    return this.#lastId.toString(16).padStart(digits, '0');
  }
}
