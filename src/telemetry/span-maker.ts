/**
 * Spans, made of records after the fact.
 *
 *   POST/RPC caller's span
 *     └─ Predict digits              SERVER, id known since the edge
 *          ├─ receive … encode       INTERNAL, one for each stage that took time
 *          │    execute ─ ─ ─ ─ ─ ┐  link to the batch that ran it
 *          └─ inference.batch ◀─ ─┘  in the first sampled member's trace only; links to every sampled member
 *               └─ run               the runtime's own time, where the host tells
 *
 * A stage that was skipped has no length (StageClock) and gets no span, except the one that the request ended in.
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
import { type Clock, type Instant, wallOf } from '../core/clock.ts';
import type { AlternateRecord, BatchRecord, RequestRecord } from './request-record.ts';
import { batchAttributes, clip, isServerFault, requestAttributes } from './span-attributes.ts';
import { STAGE_EXECUTE, STAGES } from './stage-clock.ts';
import { newSpanId, newTraceId, type TraceContext } from './trace-context.ts';

/** Name of a batch's span: one for all models, which are in its attributes. */
export const BATCH_SPAN_NAME = 'inference.batch';
/** Name of the span of the runtime's own time under a batch's. */
export const RUN_SPAN_NAME = 'run';

/**
 * How far the wall clock may run away from the kept offset before it is read anew. The wall clock ticks in whole ms:
 * an offset read for every record would put a child's start up to 1 ms before its parent's.
 */
const MAX_WALL_DRIFT_MS = 2;

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
  readonly parent: SpanContext | undefined;
  readonly kind: SpanKind;
  readonly start: Instant;
  readonly end: Instant;
  readonly attributes?: Attributes;
  readonly links?: Link[];
  readonly event?: { readonly name: string; readonly attributes: Attributes; readonly at: Instant };
  /** Set where the server is to blame. */
  readonly fault?: string;
}

export class SpanMaker {
  readonly #tracer: Tracer;
  readonly #ids: PresetIds;
  readonly #clock: Clock;
  /** Wall time at monotonic 0. */
  #wallAtZero = Number.NEGATIVE_INFINITY;

  constructor(options: SpanMakerOptions) {
    this.#tracer = options.tracer;
    this.#ids = options.ids;
    this.#clock = options.clock;
  }

  /** The server span and its stages. Does nothing for a request that is not sampled. */
  makeRequestSpans(record: RequestRecord): void {
    const context = record.trace;
    if (context === undefined || !context.isSampled) return;
    this.#readWall();
    this.#make(context.traceId, {
      name: record.model === '' ? record.method : `${record.method} ${record.model}`,
      spanId: context.spanId,
      parent: parentOf(context, true),
      kind: SpanKind.SERVER,
      start: record.stages.startedAt,
      end: record.stages.finishedAt,
      attributes: requestAttributes(record),
      ...(record.alternate === undefined ? {} : { event: alternateEvent(record, record.alternate) }),
      ...(isServerFault(record.outcome) ? { fault: clip(record.error?.message ?? record.outcome) } : {}),
    });
    this.#makeStageSpans(record, spanContextOf(context));
  }

  /** The batch's span and the runtime's under it. Does nothing for a batch without a sampled member. */
  makeBatchSpans(record: BatchRecord): void {
    const context = record.trace;
    if (context === undefined || !context.isSampled) return;
    this.#readWall();
    this.#make(context.traceId, {
      name: BATCH_SPAN_NAME,
      spanId: context.spanId,
      parent: parentOf(context, false),
      kind: SpanKind.INTERNAL,
      start: record.batchStart,
      end: Math.max(record.batchStart, record.executeStart, record.splitStart, record.end),
      attributes: batchAttributes(record),
      links: record.members.map((member) => ({ context: spanContextOf(member) })),
      ...(isServerFault(record.outcome) ? { fault: record.outcome } : {}),
    });
    if (record.runStart === undefined || record.runEnd === undefined) return;
    this.#make(context.traceId, {
      name: RUN_SPAN_NAME,
      spanId: newSpanId(),
      parent: spanContextOf(context),
      kind: SpanKind.INTERNAL,
      start: record.runStart,
      end: record.runEnd,
    });
  }

  #makeStageSpans(record: RequestRecord, parent: SpanContext): void {
    const { stages, batch } = record;
    for (let stage = 0; stage < STAGES.length && stages.has(stage); stage++) {
      const name = STAGES[stage]!;
      const start = stages.startOf(stage);
      const end = stages.endOf(stage);
      if (end <= start && name !== stages.reached) continue;
      const facts = { name, spanId: newSpanId(), parent, kind: SpanKind.INTERNAL, start, end };
      const links =
        stage === STAGE_EXECUTE && batch?.trace?.isSampled === true ? [{ context: spanContextOf(batch.trace) }] : [];
      this.#make(parent.traceId, { ...facts, links });
    }
  }

  #make(traceId: string, facts: SpanFacts): void {
    const { name, kind, attributes = {}, links = [], parent, start, end } = facts;
    const under: Context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    this.#ids.preset(traceId, facts.spanId);
    const span = this.#tracer.startSpan(name, { kind, attributes, links, startTime: this.#wall(start) }, under);
    if (facts.event !== undefined) {
      span.addEvent(facts.event.name, facts.event.attributes, this.#wall(facts.event.at));
    }
    if (facts.fault !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: facts.fault });
    span.end(this.#wall(Math.max(start, end)));
  }

  #readWall(): void {
    const wallAtZero = wallOf(this.#clock, 0);
    if (Math.abs(wallAtZero - this.#wallAtZero) > MAX_WALL_DRIFT_MS) this.#wallAtZero = wallAtZero;
  }

  /** [seconds, nanoseconds] since 1970, split before they are added: a double of ms since 1970 ends at 0.2 µs. */
  #wall(instant: Instant): HrTime {
    const wholeMs = Math.floor(this.#wallAtZero) + Math.floor(instant);
    const restMs = (this.#wallAtZero % 1) + (instant % 1);
    const seconds = Math.floor(wholeMs / 1000);
    const nanos = Math.floor((wholeMs - seconds * 1000 + restMs) * 1e6);
    return nanos < 1e9 ? [seconds, nanos] : [seconds + 1, nanos - 1e9];
  }
}

/** The moment at which the request was given to another model. */
function alternateEvent({ model, version }: RequestRecord, { asked, reason, at }: AlternateRecord) {
  const attributes = {
    'inference.model.requested': asked,
    'inference.model.name': model,
    'inference.model.version': version,
    'inference.alternate.reason': reason,
  };
  return { name: 'inference.alternate', attributes, at };
}

function parentOf(context: TraceContext, isRemote: boolean): SpanContext | undefined {
  if (context.parentSpanId === undefined) return undefined;
  return { ...spanContextOf(context), spanId: context.parentSpanId, isRemote };
}

function spanContextOf(context: TraceContext): SpanContext {
  const { traceId, spanId, traceState } = context;
  const traceFlags = context.isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  if (traceState === undefined) return { traceId, spanId, traceFlags };
  return { traceId, spanId, traceFlags, traceState: createTraceState(traceState) };
}
