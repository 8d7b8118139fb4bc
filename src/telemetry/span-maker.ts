/**
 * Spans, made of records after the fact.
 *
 *   POST/RPC caller's span
 *     └─ Predict digits              SERVER, id known since the edge
 *          ├─ receive … encode       INTERNAL, one for each stage that took time
 *          │    execute ─ ─ ─ ─ ─ ┐  link to the batch that ran it
 *          └─ inference.batch ◀─ ─┘  in the first such member's trace only; links to every member that has spans
 *               ├─ copy-in           handed over to the host until its runtime starts: the hop and the copy
 *               ├─ run               the runtime's own time
 *               └─ copy-out          the runtime's end until the answer is here; all three where the host tells
 *
 * LinkedSpans says for whom and when. A stage that was skipped has no length (StageClock) and gets no span, except the one that the request ended in.
 * Instants are monotonic ms and become wall time here. Nothing is kept: the SDK's processor owns the span at its end.
 */
import {
  type Attributes,
  type Context,
  createTraceState,
  type HrTime,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Clock, Instant } from '../core/clock.ts';
import type { RequestEvent } from './request-event.ts';
import type { BatchRecord, RequestRecord } from './request-record.ts';
import { batchAttributes, clip, isServerFault, requestAttributes } from './span-attributes.ts';
import { eventsOf } from './span-events.ts';
import { STAGE_EXECUTE, STAGES } from './stage-clock.ts';
import { SteadyWall } from './steady-wall.ts';
import type { KeepReason } from './tail-keep.ts';
import { newSpanId, newTraceId, type TraceContext } from './trace-context.ts';

/** Name of a batch's span: one for all models, which are in its attributes. */
export const BATCH_SPAN_NAME = 'inference.batch';
/** Names of the host's spans under a batch's. */
export const COPY_IN_SPAN_NAME = 'copy-in';
export const RUN_SPAN_NAME = 'run';
export const COPY_OUT_SPAN_NAME = 'copy-out';

/** An SDK's id generator that hands out the ids set just before startSpan: all in one synchronous step. */
export class PresetIds {
  #traceId: string | undefined;
  #spanId: string | undefined;

  /** Ids of the next span. */
  preset(traceId: string, spanId: string): void {
    this.#traceId = traceId;
    this.#spanId = spanId;
  }

  generateTraceId(): string {
    return this.#traceId ?? newTraceId();
  }

  generateSpanId(): string {
    const id = this.#spanId ?? newSpanId();
    this.#spanId = undefined;
    return id;
  }
}

export interface SpanMakerOptions {
  readonly tracer: Tracer;
  /** The id generator of `tracer`'s provider. */
  readonly ids: PresetIds;
  readonly clock: Clock;
}

interface SpanFacts {
  readonly name: string;
  readonly spanId: string;
  /** Made once for all children of a span: it is dearer than the rest of a small span. */
  readonly under: Context;
  readonly kind: SpanKind;
  readonly start: Instant;
  readonly end: Instant;
  readonly attributes?: Attributes;
  readonly links?: Link[];
  readonly events?: readonly RequestEvent[];
  /** Set where the server is to blame. */
  readonly fault?: string;
}

const NO_LINKS: Link[] = [];
const NO_ATTRIBUTES: Attributes = {};

export class SpanMaker {
  readonly #tracer: Tracer;
  readonly #ids: PresetIds;
  readonly #wall: SteadyWall;
  /** Wall time at monotonic 0, of the spans being made. */
  #wallAtZero = 0;

  constructor(options: SpanMakerOptions) {
    this.#tracer = options.tracer;
    this.#ids = options.ids;
    this.#wall = new SteadyWall(options.clock);
  }

  /** The server span and its stages, in the place that `context` says; `kept`: why, beside the sampling. */
  makeRequestSpans(record: RequestRecord, context: TraceContext, kept?: KeepReason): void {
    this.#wallAtZero = this.#wall.atZero();
    this.#make(context.traceId, {
      name: record.model === '' ? record.method : `${record.method} ${record.model}`,
      spanId: context.spanId,
      under: underParentOf(context, true),
      kind: SpanKind.SERVER,
      start: record.stages.startedAt,
      end: record.stages.finishedAt,
      attributes: requestAttributes(record, kept),
      events: eventsOf(record),
      ...(isServerFault(record.outcome) ? { fault: clip(record.error?.message ?? record.outcome) } : {}),
    });
    this.#makeStageSpans(record, context);
  }

  /** The batch's span and the host's under it. Does nothing for a batch without a member that has spans. */
  makeBatchSpans(record: BatchRecord): void {
    const context = record.trace;
    if (context === undefined || !context.isSampled) return;
    this.#wallAtZero = this.#wall.atZero();
    this.#make(context.traceId, {
      name: BATCH_SPAN_NAME,
      spanId: context.spanId,
      under: underParentOf(context, false),
      kind: SpanKind.INTERNAL,
      start: record.batchStart,
      end: Math.max(record.batchStart, record.executeStart, record.splitStart, record.end),
      attributes: batchAttributes(record),
      links: record.members.map((member) => ({ context: spanContextOf(member) })),
      ...(isServerFault(record.outcome) ? { fault: record.outcome } : {}),
    });
    const { executeStart, runStart, runEnd, splitStart } = record;
    if (runStart === undefined || runEnd === undefined) return;
    const { traceId } = context;
    const under = underSpan(spanContextOf(context));
    this.#makeHostSpan(traceId, under, COPY_IN_SPAN_NAME, executeStart, runStart);
    this.#makeHostSpan(traceId, under, RUN_SPAN_NAME, runStart, runEnd);
    this.#makeHostSpan(traceId, under, COPY_OUT_SPAN_NAME, runEnd, splitStart);
  }

  /** None for a part that took no time: on the event loop nothing is handed over. */
  #makeHostSpan(traceId: string, under: Context, name: string, start: Instant, end: Instant): void {
    if (end <= start) return;
    this.#make(traceId, { name, spanId: newSpanId(), under, kind: SpanKind.INTERNAL, start, end });
  }

  #makeStageSpans(record: RequestRecord, context: TraceContext): void {
    const { stages, batch } = record;
    const under = underSpan(spanContextOf(context));
    for (let stage = 0; stage < STAGES.length && stages.has(stage); stage++) {
      const name = STAGES[stage]!;
      const start = stages.startOf(stage);
      const end = stages.endOf(stage);
      if (end <= start && name !== stages.reached) continue;
      const links =
        stage === STAGE_EXECUTE && batch?.trace?.isSampled === true
          ? [{ context: spanContextOf(batch.trace) }]
          : NO_LINKS;
      this.#make(context.traceId, { name, spanId: newSpanId(), under, kind: SpanKind.INTERNAL, start, end, links });
    }
  }

  #make(traceId: string, facts: SpanFacts): void {
    const { name, kind, attributes = NO_ATTRIBUTES, links = NO_LINKS, under, start, end } = facts;
    this.#ids.preset(traceId, facts.spanId);
    const span = this.#tracer.startSpan(name, { kind, attributes, links, startTime: this.#timeOf(start) }, under);
    for (const event of facts.events ?? []) span.addEvent(event.name, event.attributes, this.#timeOf(event.at));
    if (facts.fault !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: facts.fault });
    span.end(this.#timeOf(Math.max(start, end)));
  }

  /** [seconds, nanoseconds] since 1970, split before they are added: a double of ms since 1970 ends at 0.2 µs. */
  #timeOf(instant: Instant): HrTime {
    const wholeMs = Math.floor(this.#wallAtZero) + Math.floor(instant);
    const restMs = (this.#wallAtZero % 1) + (instant % 1);
    const seconds = Math.floor(wholeMs / 1000);
    const nanos = Math.floor((wholeMs - seconds * 1000 + restMs) * 1e6);
    return nanos < 1e9 ? [seconds, nanos] : [seconds + 1, nanos - 1e9];
  }
}

/** Where a span stands whose parent is `context`'s. */
function underParentOf(context: TraceContext, isRemote: boolean): Context {
  if (context.parentSpanId === undefined) return ROOT_CONTEXT;
  return underSpan({ ...spanContextOf(context), spanId: context.parentSpanId, isRemote });
}

function underSpan(parent: SpanContext): Context {
  return trace.setSpanContext(ROOT_CONTEXT, parent);
}

function spanContextOf(context: TraceContext): SpanContext {
  const { traceId, spanId, traceState } = context;
  const traceFlags = context.isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  if (traceState === undefined) return { traceId, spanId, traceFlags };
  return { traceId, spanId, traceFlags, traceState: createTraceState(traceState) };
}
