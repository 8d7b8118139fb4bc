/**
 * One request in GET /requests: its caller, its outcome, the times of its stages and the members of its batch. Sizes
 * are bytes, durations ms, and times count from the first header. An unknown value is left out, never 0.
 */
import { isoTime } from '../core/clock.ts';
import type { PayloadCapture } from '../proxy/records/payload-capture.ts';
import type { FlightRecorder } from '../telemetry/recorder/flight-recorder.ts';
import type { ErrorFacts, RequestSnapshot, StepFacts } from '../telemetry/recorder/request-snapshot.ts';
import type { BatchRecord, RequestEvent } from '../telemetry/request-record.ts';
import { STAGES, type StageClock } from '../telemetry/stage-clock.ts';
import type { SteadyWall } from '../telemetry/steady-wall.ts';
import { omitUndefined } from './omit-undefined.ts';

export interface RequestEntry {
  readonly id: string;
  /** The id of its trace, whose spans may have been exported or not. */
  readonly trace_id?: string;
  readonly surface: string;
  readonly method: string;
  /** Empty if the model was not found; so are version and signature. */
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
  /** In order, without skipped stages. */
  readonly stages: readonly StageEntry[];
  /** Why it has been kept. */
  readonly kept: 'recent' | 'slow' | 'failed';
  /** Events that are no stage, such as a retried run or an open circuit breaker. */
  readonly events?: readonly EventEntry[];
  readonly batch?: BatchEntry;
  /** How its model's response cache served it: 'hit', 'coalesced' or 'miss'. Absent: it has none, or was not asked. */
  readonly cache?: string;
  /** Of an ensemble's request, in the order in which they ended. */
  readonly steps?: readonly StepEntry[];
  /** Set if its first batch failed and it was run again apart from the other members. */
  readonly isolated?: IsolationEntry;
  /** GET /requests/ID/payload has it. */
  readonly has_payload: boolean;
}

export interface EventEntry {
  /** The name of the span event (docs/semantic-conventions.md). */
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
  /** Where its model is an ensemble, too. */
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

/** The sources of entries. */
export interface RequestsView {
  readonly recorder: FlightRecorder;
  readonly wall: SteadyWall;
  /** Undefined if payloads are not captured. */
  readonly payloads: Pick<PayloadCapture, 'has' | 'read'> | undefined;
}

export function requestEntry(request: RequestSnapshot, { recorder, wall, payloads }: RequestsView): RequestEntry {
  const { trace, batch, events, stages, isolation, steps } = request;
  return omitUndefined({
    id: request.id,
    trace_id: trace?.traceId,
    surface: request.surface,
    method: request.method,
    model: request.model,
    version: request.version,
    signature: request.signatureName,
    rows: request.rows,
    request_bytes: request.requestBytes,
    response_bytes: request.responseBytes,
    outcome: request.outcome,
    error: request.error,
    peer: request.peer,
    received_at: isoTime(wall.of(stages.startedAt)),
    duration_ms: millis(request.durationMs),
    stages: stageEntries(stages),
    kept: request.kept ?? ('recent' as const),
    events: events?.map((event) => eventEntry(event, stages)),
    batch: batch && batchEntry(batch, recorder.batchId(batch), recorder.otherMembersOf(request)),
    cache: request.cache,
    steps: steps?.map((step) => stepEntry(step, stages)),
    isolated: isolation && {
      because: isolation.kind,
      tasks: isolation.tasks,
      at_ms: millis(isolation.at - stages.startedAt),
    },
    has_payload: payloads?.has(request.sequence) ?? false,
  });
}

function eventEntry({ name, at, attributes = {} }: RequestEvent, { startedAt }: StageClock): EventEntry {
  return { name, at_ms: millis(at - startedAt), attributes };
}

function stepEntry(step: StepFacts, stages: StageClock): StepEntry {
  const { model, version, outcome, cache, startedAt, finishedAt, rows, steps } = step;
  return omitUndefined({
    ...{ model, version, outcome, cache, rows },
    start_ms: millis(startedAt - stages.startedAt),
    duration_ms: millis(finishedAt - startedAt),
    steps: steps?.map((inner) => stepEntry(inner, stages)),
  });
}

/** A skipped stage has no length; the last stage of a request may have none either. */
function stageEntries(stages: StageClock): StageEntry[] {
  const entries: StageEntry[] = [];
  for (let stage = 0; stage < STAGES.length && stages.has(stage); stage++) {
    const name = STAGES[stage]!;
    const start = stages.startOf(stage);
    const length = stages.endOf(stage) - start;
    if (length <= 0 && name !== stages.reached) continue;
    entries.push({ name, start_ms: millis(start - stages.startedAt), duration_ms: millis(length) });
  }
  return entries;
}

function batchEntry(batch: BatchRecord, id: string, mates: readonly string[]): BatchEntry {
  const { rows, size, tasks, reason, expectedMs, runStart, runEnd } = batch;
  const hasRun = runStart !== undefined && runEnd !== undefined;
  return omitUndefined({
    id,
    rows,
    size,
    tasks,
    reason,
    expected_ms: expectedMs === undefined ? undefined : millis(expectedMs),
    run_ms: hasRun ? millis(runEnd - runStart) : undefined,
    mates,
  });
}

/** Rounds to microseconds. */
function millis(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
