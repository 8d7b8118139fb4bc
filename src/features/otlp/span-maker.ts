/**
 * Makes spans from records, after the request or batch has ended.
 *
 *   POST/RPC caller's span
 *     └─ Predict digits              SERVER; its id was made when the request came
 *          ├─ step digits            INTERNAL, one for each step of an ensemble, with the stages of its own below it
 *          ├─ receive … encode       INTERNAL, one for each stage that took time
 *          │    execute ─ ─ ─ ─ ─ ┐  link to the batch that ran it
 *          └─ inference.batch ◀─ ─┘  below the first member with spans; links to every other such member
 *               ├─ copy-in           from the host's start until its runtime starts: the thread hop and the copy
 *               ├─ run               the runtime's own time
 *               └─ copy-out          from the runtime's end until the answer is here (all three if the host reports it)
 *
 * LinkedSpans decides for which records and when; SpanOutput encodes the spans. A skipped stage has no length
 * (StageClock) and gets no span, unless the request ended in it.
 */
import type { Clock, Instant } from '../../core/clock.ts';
import { ERROR_TABLE, isGrpcServerFault } from '../../core/errors.ts';
import { clip } from '../../ledger/caller-text.ts';
import {
  type BatchRecord,
  isServerFault,
  type KeepReason,
  type RequestRecord,
  type StepRecord,
} from '../../ledger/request-record.ts';
import { STAGE_EXECUTE, STAGES } from '../../ledger/stage-clock.ts';
import { SteadyWall } from '../../ledger/steady-wall.ts';
import type { SpanOutput } from '../../ledger/tracing/span-output.ts';
import type { TraceContext } from '../../ledger/tracing/trace-context.ts';
import type { SpanAttributes } from './attributes/span-attributes.ts';
import { eventsOf } from './span-events.ts';

/** Name of a batch's span; the model is in its attributes. */
const BATCH_SPAN_NAME = 'inference.batch';
/** Name of a step's span, before its model. */
const STEP_SPAN_NAME = 'step';
/** Names of the host's spans under a batch's. */
const COPY_IN_SPAN_NAME = 'copy-in';
const RUN_SPAN_NAME = 'run';
const COPY_OUT_SPAN_NAME = 'copy-out';

export interface SpanMakerOptions {
  readonly output: SpanOutput;
  readonly clock: Clock;
  readonly attributes: SpanAttributes;
}

export class SpanMaker {
  readonly #output: SpanOutput;
  readonly #wall: SteadyWall;
  readonly #attributes: SpanAttributes;
  /** The last request's span name, which is mostly the next one's too. */
  #name = { method: '', model: '', text: '' };

  constructor({ output, clock, attributes }: SpanMakerOptions) {
    this.#output = output;
    this.#attributes = attributes;
    this.#wall = new SteadyWall(clock);
  }

  /** Makes the server span, which has the ids of `context`, and its stages. `kept`: why the request is kept. */
  makeRequestSpans(record: RequestRecord, context: TraceContext, kept?: KeepReason): void {
    const output = this.#output;
    const { stages } = record;
    output.startAt(this.#wall.atZero());
    output.begin(context, 'server', this.#nameOf(record), stages.startedAt, stages.finishedAt);
    this.#attributes.setRequest(output, record, kept);
    const events = eventsOf(record);
    if (events.length > 0) output.addEvents(events);
    if (isFaultOnItsSurface(record)) output.fail(clip(record.error?.message ?? record.outcome));
    output.end();
    this.#makeStageSpans(record, context);
    for (const step of record.steps ?? []) this.#makeStepSpans(step, context.isSampled);
  }

  /** Makes the batch's span and the host's spans under it; none for a batch without a member that has spans. */
  makeBatchSpans(record: BatchRecord): void {
    const context = record.trace;
    if (context === undefined || !context.isSampled) return;
    const output = this.#output;
    const { batchStart, executeStart, runStart, runEnd, splitStart } = record;
    output.startAt(this.#wall.atZero());
    const end = Math.max(executeStart, splitStart, record.end);
    output.begin(context, 'internal', BATCH_SPAN_NAME, batchStart, end);
    this.#attributes.setBatch(output, record);
    // Its parent is one of them, and needs no link.
    output.addLinks(record.members.filter(({ spanId }) => spanId !== context.parentSpanId));
    if (isServerFault(record.outcome)) output.fail(record.outcome);
    output.end();
    if (runStart === undefined || runEnd === undefined) return;
    this.#makeHostSpan(context, COPY_IN_SPAN_NAME, executeStart, runStart);
    this.#makeHostSpan(context, RUN_SPAN_NAME, runStart, runEnd);
    this.#makeHostSpan(context, COPY_OUT_SPAN_NAME, runEnd, splitStart);
  }

  /** Makes none for a part that took no time, such as the copies of a run on the event loop. */
  #makeHostSpan(parent: TraceContext, name: string, start: Instant, end: Instant): void {
    if (end > start) this.#output.child(parent, name, start, end, undefined);
  }

  /** The span of a step, its stages, and those of its own steps. */
  #makeStepSpans(step: StepRecord, isSampled: boolean): void {
    if (step.trace === undefined) return;
    const output = this.#output;
    const context = { ...step.trace, isSampled };
    const { stages, batch, outcome } = step;
    output.begin(context, 'internal', `${STEP_SPAN_NAME} ${step.model}`, stages.startedAt, stages.finishedAt);
    this.#attributes.setStep(output, step);
    if (batch?.trace?.isSampled === true) output.addLinks([batch.trace]);
    if (isServerFault(outcome)) output.fail(outcome);
    output.end();
    this.#makeStageSpans(step, context);
    for (const inner of step.steps ?? []) this.#makeStepSpans(inner, isSampled);
  }

  #makeStageSpans({ stages, batch }: Pick<RequestRecord, 'stages' | 'batch'>, context: TraceContext): void {
    for (let stage = 0; stage < STAGES.length && stages.has(stage); stage++) {
      const name = STAGES[stage]!;
      const start = stages.startOf(stage);
      const end = stages.endOf(stage);
      if (end <= start && name !== stages.reached) continue;
      const link = stage === STAGE_EXECUTE && batch?.trace?.isSampled === true ? batch.trace : undefined;
      this.#output.child(context, name, start, end, link);
    }
  }

  #nameOf({ method, model }: RequestRecord): string {
    const last = this.#name;
    if (last.method === method && last.model === model) return last.text;
    const text = model === '' ? method : `${method} ${model}`;
    this.#name = { method, model, text };
    return text;
  }
}

/** Over gRPC the conventions go by its status: UNIMPLEMENTED is a server's fault, 404 is none. */
function isFaultOnItsSurface({ surface, outcome }: RequestRecord): boolean {
  return surface === 'grpc' ? outcome !== 'ok' && isGrpcServerFault(ERROR_TABLE[outcome].grpc) : isServerFault(outcome);
}
