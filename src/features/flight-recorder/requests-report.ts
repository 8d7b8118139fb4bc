/** Requests that the flight recorder remembers, as GET /requests shows them. */

import { omitUndefined } from '../../admin/omit-undefined.ts';
import type { BatchEntry, EventEntry, RequestEntry, StageEntry, StepEntry } from '../../admin/request-entry.ts';
import { isoTime } from '../../core/clock.ts';
import type { StepFacts } from '../../ledger/recorder/request-snapshot.ts';
import type { BatchRecord, RequestEvent } from '../../ledger/request-record.ts';
import { STAGES, type StageClock } from '../../ledger/stage-clock.ts';
import type { SteadyWall } from '../../ledger/steady-wall.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import type { FlightRecorder } from './flight-recorder.ts';
import type { KeptSnapshot } from './kept-snapshot.ts';
import type { PayloadCapture } from './payload-capture.ts';

/** The sources of entries. */
export interface RequestsView {
  readonly recorder: FlightRecorder;
  readonly wall: SteadyWall;
  /** Undefined if payloads are not captured. */
  readonly payloads: Pick<PayloadCapture, 'has' | 'read'> | undefined;
  /** The URL of the page that shows a request's trace; undefined if there is none. Absent = no request has a link. */
  readonly traceUrl?: AppTelemetry['traceUrl'] | undefined;
}

export function requestEntry(
  request: KeptSnapshot,
  { recorder, wall, payloads, traceUrl }: RequestsView,
): RequestEntry {
  const { trace, batch, events, stages, isolation, steps } = request;
  return omitUndefined({
    id: request.id,
    trace_id: trace?.traceId,
    trace_url: traceUrl?.(trace, request.kept),
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
    kept: request.kept ?? request.keptAs ?? ('recent' as const),
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
