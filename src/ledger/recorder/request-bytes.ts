/**
 * The bytes of what one place of a ring of requests may refer to, by V8's sizes of objects. They are measured by a unit
 * test.
 */
import type { BatchRecord } from '../request-record.ts';
import type { TraceContext } from '../tracing/trace-context.ts';
import type { Notes } from './read-request.ts';
import type { StepFacts } from './request-snapshot.ts';

/** The references of one place. */
export const REFERENCE_BYTES = 5 * 8;
const ORIGIN_BYTES = 64;
const BATCH_BYTES = 300;
const TRACE_BYTES = 260;
/** The most that a format of traces keeps of a caller's headers: Datadog's tags and origin. */
const EXTRA_BYTES = 1600;
const NOTES_BYTES = 120;
const EVENT_BYTES = 240;
const STEP_BYTES = 160;
const CHAR_BYTES = 2;

/** Counts what a place refers to; `batch` = undefined where another place's bytes have it. */
export function placeBytes(
  batch: BatchRecord | undefined,
  trace: TraceContext | undefined,
  notes: Notes | undefined,
): number {
  return (
    ORIGIN_BYTES +
    (batch === undefined ? 0 : BATCH_BYTES) +
    (trace === undefined ? 0 : traceBytes(trace)) +
    (notes === undefined ? 0 : notesBytes(notes))
  );
}

/** Counts all that the caller has sent beside its ids: the baggage alone may have 8 KiB. */
function traceBytes({ traceState, baggage, extra }: TraceContext): number {
  const chars = (traceState?.length ?? 0) + (baggage?.length ?? 0);
  return TRACE_BYTES + CHAR_BYTES * chars + (extra === undefined ? 0 : EXTRA_BYTES);
}

function notesBytes({ error, callerId, events, steps }: Notes): number {
  const chars = (error?.message.length ?? 0) + (callerId?.length ?? 0);
  return NOTES_BYTES + CHAR_BYTES * chars + EVENT_BYTES * (events?.length ?? 0) + STEP_BYTES * countOf(steps);
}

function countOf(steps: readonly StepFacts[] | undefined): number {
  return steps?.reduce((sum, step) => sum + 1 + countOf(step.steps), 0) ?? 0;
}
