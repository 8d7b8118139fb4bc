/**
 * `datadog`: the headers of Datadog's tracers (https://docs.datadoghq.com/tracing/trace_collection/trace_context_propagation).
 * Ids are decimal numbers of 64 bits; the upper half of a trace id of 128 bits is a tag.
 *
 *   x-datadog-trace-id, x-datadog-parent-id
 *   x-datadog-sampling-priority: -1, 0 = not sampled; 1, 2 = sampled; absent = the receiver decides
 *   x-datadog-tags: _dd.p.tid=UPPER,_dd.p.dm=-1            16 hex digits; other tags go on as they came, as x-datadog-origin
 */
import type { CallerTrace } from '../../../ledger/request-record.ts';
import type { ReadHeader } from '../../../ledger/tracing/propagation.ts';
import { decimalId, type TraceContext } from '../../../ledger/tracing/trace-context.ts';
import { type DatadogExtra, type Extra, extraOf, type Format } from '../format.ts';

const TRACE_ID = 'x-datadog-trace-id';
const PARENT_ID = 'x-datadog-parent-id';
const PRIORITY = 'x-datadog-sampling-priority';
const TAGS = 'x-datadog-tags';
const ORIGIN = 'x-datadog-origin';

const DECIMAL = /^\d{1,20}$/;
const MAX_ID = 2n ** 64n - 1n;
const PRIORITIES = /^(?:-1|0|1|2)$/;
const UPPER = /^[0-9a-f]{16}$/;
const UPPER_TAG = '_dd.p.tid=';
const NO_UPPER = '0'.repeat(16);
/** Longer ones are dropped, as Datadog's tracers do. */
const MAX_TAGS_CHARS = 512;
/** Printable ASCII: nothing that could split a header when it is passed on. */
const PRINTABLE = /^[\x20-\x7e]+$/;
const MAX_ORIGIN_CHARS = 128;

const NOTHING: DatadogExtra = { priority: undefined, tags: '', origin: undefined };

export const DATADOG: Format = {
  names: [TRACE_ID, PARENT_ID, PRIORITY, TAGS, ORIGIN],
  read: readDatadog,
  write: (context, headers) => {
    const { tags, origin } = extraOf(context).datadog ?? NOTHING;
    headers[TRACE_ID] = decimalId(context.traceId);
    headers[PARENT_ID] = decimalId(context.spanId);
    if (context.isDeferred !== true) headers[PRIORITY] = String(priorityOf(context));
    const allTags = tagsOf(context.traceId.slice(0, 16), tags);
    if (allTags !== '') headers[TAGS] = allTags;
    if (origin !== undefined) headers[ORIGIN] = origin;
  },
};

function readDatadog<Source>(source: Source, header: ReadHeader<Source>): CallerTrace | undefined {
  const lower = hexOf(header(source, TRACE_ID));
  const spanId = hexOf(header(source, PARENT_ID));
  if (lower === undefined || spanId === undefined) return undefined;
  const sent = readTags(header(source, TAGS));
  const upper = sent.find((tag) => tag.startsWith(UPPER_TAG))?.slice(UPPER_TAG.length) ?? '';
  const priority = readPriority(header(source, PRIORITY));
  const tags = sent.filter((tag) => !tag.startsWith(UPPER_TAG)).join(',');
  const extra: Extra = { datadog: { priority, tags, origin: readOrigin(header(source, ORIGIN)) } };
  const traceId = (UPPER.test(upper) ? upper : NO_UPPER) + lower;
  const trace = { traceId, spanId, isSampled: priority !== undefined && priority > 0, traceState: undefined, extra };
  return priority === undefined ? { ...trace, isDeferred: true } : trace;
}

/** 16 hex digits of a decimal number; undefined if it is none of 64 bits, or zero. */
function hexOf(decimal: string | undefined): string | undefined {
  if (decimal === undefined || !DECIMAL.test(decimal)) return undefined;
  const number = BigInt(decimal);
  return number === 0n || number > MAX_ID ? undefined : number.toString(16).padStart(16, '0');
}

/** The tags; none if the header is malformed. */
function readTags(header: string | undefined): readonly string[] {
  if (header === undefined || header.length > MAX_TAGS_CHARS || !PRINTABLE.test(header)) return [];
  return header.split(',').filter((tag) => tag.includes('='));
}

function readPriority(header: string | undefined): number | undefined {
  return header !== undefined && PRIORITIES.test(header) ? Number(header) : undefined;
}

function readOrigin(header: string | undefined): string | undefined {
  if (header === undefined || header.length > MAX_ORIGIN_CHARS) return undefined;
  return PRINTABLE.test(header) ? header : undefined;
}

/** The caller's own, unless something else has been decided here. */
function priorityOf(context: TraceContext): number {
  const { priority } = extraOf(context).datadog ?? NOTHING;
  const { isSampled } = context;
  return priority !== undefined && priority > 0 === isSampled ? priority : Number(isSampled);
}

function tagsOf(upper: string, tags: string): string {
  const own = upper === NO_UPPER ? '' : UPPER_TAG + upper;
  const all = own !== '' && tags !== '' ? `${own},${tags}` : own + tags;
  return all.length > MAX_TAGS_CHARS ? own : all;
}
