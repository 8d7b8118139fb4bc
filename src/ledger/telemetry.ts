/**
 * The app's telemetry. A few see a request at its end: the decision to keep it, the log, the tracer if there is one,
 * and listeners. All others read it in the ledger, a little later.
 *
 * It is called on the hot path, at the start and the end of each request. It never throws: an error in it is logged,
 * and the request goes on.
 */
import type { Clock } from '../core/clock.ts';
import type { TraceHeaders } from '../core/executor.ts';
import type { ForwardedRecord } from './forwarded-record.ts';
import { Ledger, type RecordReader } from './ledger.ts';
import { LineLimiter } from './log/line-limiter.ts';
import type { Logger } from './log/log.ts';
import { RequestLog } from './log/request-log.ts';
import { Metrics } from './metrics/metrics.ts';
import type { ColumnFollower } from './metrics/totals.ts';
import type { ReadRequest } from './recorder/read-request.ts';
import type { RequestRing } from './recorder/request-ring.ts';
import {
  type BatchRecord,
  type CallerTrace,
  INFERENCE_METHODS,
  type KeepReason,
  type RequestRecord,
  type Telemetry,
} from './request-record.ts';
import { type Propagation, traceHeadersOf, W3C } from './tracing/propagation.ts';
import type { Sampling } from './tracing/sampling.ts';
import type { SpanOutput } from './tracing/span-output.ts';
import { childContext, newSpanId, newTraceId, type TraceContext } from './tracing/trace-context.ts';
import type { Exporter, FlushLosses, Tracing } from './tracing/tracing.ts';

/** The ids of a request's trace and of its span there. */
export type TraceIds = Pick<TraceContext, 'traceId' | 'spanId'>;

export interface TelemetryOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Receives each record when it is made. Records may change afterwards: copy what you keep. */
export interface RecordListener {
  /** `kept`: why it is kept; undefined = an ordinary request. It is in the ledger's ring by then. */
  recordRequest(record: RequestRecord, kept: KeepReason | undefined): void;
  recordBatch?(record: BatchRecord): void;
  recordForwarded?(record: ForwardedRecord): void;
}

/** Decides which finished requests are kept, for those who look at them one by one. */
export interface RequestJudge {
  /** Called once for each request, while a client waits. Undefined = it is not kept. */
  judge(record: RequestRecord): KeepReason | undefined;
  /** The version is unloaded. */
  forgetVersion(model: string, version: string): void;
}

/** Reads requests and batches after they ended, each in the order of their ends. */
export interface Follower extends Partial<RecordReader>, Partial<ColumnFollower> {
  /** Reads an inference, whatever came of it. Requests of other methods are in columns alone. */
  recordRequest?(record: ReadRequest): void;
  /** The version is unloaded. */
  forgetVersion?(model: string, version: string): void;
}

/** Telemetry, and the parts of it that the admin server shows. */
export interface AppTelemetry extends Telemetry {
  readonly metrics: Metrics;
  /** Gives `listener` every record at once from now on; it must not throw. Returns a function that ends that. */
  listen(listener: RecordListener): () => void;
  /** Lets `follower` read what ends from now on; to follow again changes nothing. Returns a function that ends that. */
  follow(follower: Follower): () => void;
  /** Has everything read in the ledger that has ended so far. */
  settle(): void;
  /** The last requests. Call `settle` before you read them by columns. */
  readonly ring: RequestRing;
  /** Only one feature may decide which requests are kept; else none is. */
  keepBy(judge: RequestJudge): void;
  /** Decides which requests are traced; undefined if no spans are exported. */
  readonly sampling: Sampling | undefined;
  /** Calls `keep` and tells listeners of a request that was passed on. An error in either is logged. */
  recordForwarded(record: ForwardedRecord, keep: () => void): void;
  /** Calls `make` with the spans' output; not where no spans are exported. */
  makeSpans(make: (output: SpanOutput) => void): void;
  /** The formats in which traces are read and written. To be asked when all features have installed. */
  readonly propagation: Propagation;
  /** Only one feature may choose other formats than W3C's. */
  propagateBy(propagation: Propagation): void;
  /** The URL of a page that shows a request's trace; undefined if there is none, or nobody exports its spans. */
  traceUrl(trace: TraceContext | undefined, kept: KeepReason | undefined): string | undefined;
  /** Only one feature may say where traces are shown. */
  linkTraces(urlOf: (ids: TraceIds) => string): void;
  /** Only one feature may make spans; without it none are made. Call it before the first request. */
  traceBy(tracing: Tracing): void;
  /** Adds an exporter. Call it before `start`. */
  exportBy(exporter: Exporter): void;
  /** Starts the exporters; spans are made from then on. Never rejects. */
  start(): Promise<void>;
  /** Forgets an unloaded version. */
  forgetVersion(model: string, version: string): void;
  /**
   * Logs how many lines were suppressed, has the exporters send the rest, and resolves with the losses. Call it after the
   * last request. Never rejects.
   */
  close(): Promise<FlushLosses>;
}

/** Joins metrics, log and tracer. Called once for each app. */
export function createTelemetry(options: TelemetryOptions): AppTelemetry {
  return new JoinedTelemetry(options);
}

class JoinedTelemetry implements AppTelemetry {
  readonly metrics: Metrics;
  readonly settle = (): void => this.#ledger.settle();
  readonly #ledger: Ledger;
  #judge: RequestJudge | undefined;
  #propagation = W3C;
  #urlOf: ((ids: TraceIds) => string) | undefined;
  readonly #log: RequestLog;
  #tracing: Tracing | undefined;
  readonly #exporters: Exporter[] = [];
  readonly #logger: Logger;
  readonly #faults: LineLimiter;
  readonly #listeners = new Set<RecordListener>();
  readonly #followers = new Set<Follower>();
  /** Those of them that read single inferences, and those that read batches. */
  #ofRequests: readonly Required<Pick<Follower, 'recordRequest'>>[] = [];
  #ofBatches: readonly Required<Pick<Follower, 'recordBatch'>>[] = [];

  constructor(options: TelemetryOptions) {
    const { clock, logger } = options;
    const reader = { recordRequest: this.#readRequest.bind(this), recordBatch: this.#readBatch.bind(this) };
    const onFault = (error: unknown): void => this.#report(error, 'a record could not be read');
    this.metrics = new Metrics({ clock, settle: this.settle });
    this.#ledger = new Ledger({ clock, reader, columnReader: this.metrics.totals.recordColumns, onFault });
    this.#log = new RequestLog({ logger, clock, traceUrl: this.traceUrl.bind(this) });
    this.#logger = logger;
    this.#faults = new LineLimiter({
      clock,
      windowMs: 1000,
      linesPerWindow: 1,
      onSuppressed: (what, lines) => logger.error({ lines }, `more of "${what}" in the last second`),
    });
  }

  get ring(): RequestRing {
    return this.#ledger.ring;
  }

  keepBy(judge: RequestJudge): void {
    this.#judge = judge;
  }

  traceUrl(trace: TraceContext | undefined, kept: KeepReason | undefined): string | undefined {
    const urlOf = this.#urlOf;
    return urlOf !== undefined && trace !== undefined && this.#isExported(trace, kept) ? urlOf(trace) : undefined;
  }

  linkTraces(urlOf: (ids: TraceIds) => string): void {
    this.#urlOf = urlOf;
  }

  get propagation(): Propagation {
    return this.#propagation;
  }

  propagateBy(propagation: Propagation): void {
    this.#propagation = propagation;
  }

  get sampling(): Sampling | undefined {
    return this.#tracing?.sampling;
  }

  /**
   * The caller's context is passed on unchanged if there is no tracer: the servers that this one calls are then
   * children of the caller's span, and the trace has no gap.
   */
  startTrace(caller: CallerTrace | undefined): TraceContext | undefined {
    const tracing = this.#tracing;
    if (tracing === undefined) return contextOf(caller);
    const traceId = caller?.traceId ?? newTraceId();
    return {
      traceId,
      spanId: newSpanId(),
      parentSpanId: caller?.spanId,
      isSampled: tracing.sampling.isSampled(traceId, caller),
      traceState: caller?.traceState,
      baggage: caller?.baggage,
      isRandom: caller?.isRandom,
      extra: caller?.extra,
    };
  }

  startBatchTrace(owner: TraceContext): TraceContext {
    return this.#tracing === undefined ? owner : childContext(owner);
  }

  traceHeaders(context: TraceContext): TraceHeaders {
    return traceHeadersOf(context, this.#propagation);
  }

  recordRequest(record: RequestRecord): void {
    try {
      const kept = this.#judge?.judge(record);
      this.#ledger.recordRequest(record, kept);
      this.#log.write(record, kept);
      this.#tracing?.makeRequestSpans(record, this.#tracing.sampling.isOn ? kept : undefined);
      if (this.#listeners.size > 0) for (const each of this.#listeners) each.recordRequest(record, kept);
    } catch (error) {
      this.#report(error, 'a request could not be recorded');
    }
  }

  recordBatch(record: BatchRecord): void {
    try {
      this.#ledger.recordBatch(record);
      this.#tracing?.makeBatchSpans(record);
      if (this.#listeners.size > 0) for (const each of this.#listeners) each.recordBatch?.(record);
    } catch (error) {
      this.#report(error, 'a batch could not be recorded');
    }
  }

  recordForwarded(record: ForwardedRecord, keep: () => void): void {
    try {
      keep();
      for (const each of this.#listeners) each.recordForwarded?.(record);
    } catch (error) {
      this.#report(error, 'a request for the application could not be recorded');
    }
  }

  makeSpans(make: (output: SpanOutput) => void): void {
    this.#tracing?.makeSpans(make);
  }

  listen(listener: RecordListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  traceBy(tracing: Tracing): void {
    this.#tracing = tracing;
  }

  exportBy(exporter: Exporter): void {
    this.#exporters.push(exporter);
  }

  follow(follower: Follower): () => void {
    this.settle();
    this.#followers.add(follower);
    this.#sortFollowers();
    const ofColumns = follower as ColumnFollower;
    if (follower.recordColumns !== undefined) this.metrics.totals.followers.add(ofColumns);
    return () => {
      this.settle();
      this.#followers.delete(follower);
      this.#sortFollowers();
      this.metrics.totals.followers.delete(ofColumns);
    };
  }

  async start(): Promise<void> {
    await Promise.all(this.#exporters.map((exporter) => exporter.start()));
  }

  forgetVersion(model: string, version: string): void {
    this.settle();
    this.metrics.forgetVersion(model, version);
    this.#judge?.forgetVersion(model, version);
    for (const each of this.#followers) each.forgetVersion?.(model, version);
  }

  async close(): Promise<FlushLosses> {
    this.#ledger.close();
    this.#log.close();
    this.#faults.close();
    this.metrics.close();
    const losses = await Promise.all(this.#exporters.map((exporter) => exporter.shutdown()));
    return Object.assign({}, ...losses);
  }

  #readRequest(record: ReadRequest): void {
    const { trace, kept } = record;
    const exported = trace !== undefined && this.#isExported(trace, kept) ? trace.traceId : undefined;
    this.metrics.recordRequest(record, kept, exported);
    if (this.#ofRequests.length === 0 || !INFERENCE_METHODS.has(record.method)) return;
    for (const each of this.#ofRequests) each.recordRequest(record);
  }

  /** True if spans of its trace are exported, here or by a caller that samples. */
  #isExported({ isSampled }: Pick<TraceContext, 'isSampled'>, kept: KeepReason | undefined): boolean {
    return isSampled || (kept !== undefined && this.sampling?.isOn === true);
  }

  #readBatch(record: BatchRecord): void {
    this.metrics.recordBatch(record);
    for (const each of this.#ofBatches) each.recordBatch(record);
  }

  #sortFollowers(): void {
    const all = [...this.#followers] as Required<Follower>[];
    this.#ofRequests = all.filter(({ recordRequest }) => recordRequest !== undefined);
    this.#ofBatches = all.filter(({ recordBatch }) => recordBatch !== undefined);
  }

  #report(error: unknown, what: string): void {
    if (this.#faults.allow(what)) this.#logger.error({ err: error }, what);
  }
}

/** The caller's own context, where no spans are made. A decision without a span is left with the caller. */
function contextOf(caller: CallerTrace | undefined): TraceContext | undefined {
  if (caller === undefined) return undefined;
  const { traceId, spanId } = caller;
  if (traceId === undefined || spanId === undefined) return undefined;
  return { ...caller, traceId, spanId, parentSpanId: undefined };
}
