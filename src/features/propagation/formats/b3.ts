/**
 * `b3`, `b3multi`: Zipkin's formats (https://github.com/openzipkin/b3-propagation), in one header or in several. Both are
 * read by both, the one header first; they differ in what is written.
 *
 *   b3: TRACE-SPAN[-STATE][-PARENT]    b3: STATE           STATE: 0, 1, or d (debug); absent = the receiver decides
 *   x-b3-traceid, x-b3-spanid, x-b3-sampled (0, 1), x-b3-flags (1 = debug)
 *
 * A state without ids decides for a trace that begins here: `b3: 0` asks for none.
 */
import type { CallerTrace } from '../../../ledger/request-record.ts';
import type { ReadHeader } from '../../../ledger/tracing/propagation.ts';
import { isZeroId, type TraceContext } from '../../../ledger/tracing/trace-context.ts';
import { type Extra, extraOf, type Format } from '../format.ts';

const SINGLE = 'b3';
const TRACE_ID = 'x-b3-traceid';
const SPAN_ID = 'x-b3-spanid';
const SAMPLED = 'x-b3-sampled';
const FLAGS = 'x-b3-flags';
/** It is taken out of what is sent on, and neither read nor written. */
const PARENT_SPAN_ID = 'x-b3-parentspanid';
const NAMES = [SINGLE, TRACE_ID, SPAN_ID, SAMPLED, FLAGS, PARENT_SPAN_ID];

const ONE_HEADER = /^(?:((?:[0-9a-f]{16}){1,2})-([0-9a-f]{16})(?:-([01d]))?(?:-[0-9a-f]{16})?|([01d]))$/;
const TRACE_ID_DIGITS = /^(?:[0-9a-f]{16}){1,2}$/;
const SPAN_ID_DIGITS = /^[0-9a-f]{16}$/;

/** `?`: the receiver decides. */
type State = '0' | '1' | 'd' | '?';

/** The values of x-b3-sampled; the words are those of older clients. */
const STATES: ReadonlyMap<string, State> = new Map([
  ['0', '0'],
  ['1', '1'],
  ['false', '0'],
  ['true', '1'],
]);

const DEBUG: Extra = { isDebug: true };

export const B3: Format = {
  names: NAMES,
  read: readB3,
  write: (context, headers) => {
    const state = stateOf(context);
    headers[SINGLE] = `${context.traceId}-${context.spanId}${state === '?' ? '' : `-${state}`}`;
  },
};

export const B3_MULTI: Format = {
  names: NAMES,
  read: readB3,
  write: (context, headers) => {
    headers[TRACE_ID] = context.traceId;
    headers[SPAN_ID] = context.spanId;
    const state = stateOf(context);
    if (state === 'd') headers[FLAGS] = '1';
    else if (state !== '?') headers[SAMPLED] = state;
  },
};

function readB3<Source>(source: Source, header: ReadHeader<Source>): CallerTrace | undefined {
  const single = header(source, SINGLE);
  const trace = single === undefined ? undefined : readSingle(single);
  return trace ?? readMulti(source, header);
}

function readSingle(value: string): CallerTrace | undefined {
  const match = ONE_HEADER.exec(value);
  if (match === null) return undefined;
  const [, traceId, spanId, state = '?', alone] = match;
  if (alone !== undefined) return traceOf(undefined, undefined, alone as State);
  return traceOf(traceId, spanId, state as State);
}

function readMulti<Source>(source: Source, header: ReadHeader<Source>): CallerTrace | undefined {
  const traceId = header(source, TRACE_ID);
  const spanId = header(source, SPAN_ID);
  const sampled = header(source, SAMPLED);
  const state = header(source, FLAGS) === '1' ? 'd' : sampled === undefined ? '?' : STATES.get(sampled.toLowerCase());
  if (state === undefined) return undefined;
  if (traceId === undefined && spanId === undefined)
    return state === '?' ? undefined : traceOf(undefined, undefined, state);
  if (traceId === undefined || !TRACE_ID_DIGITS.test(traceId)) return undefined;
  return spanId === undefined || !SPAN_ID_DIGITS.test(spanId) ? undefined : traceOf(traceId, spanId, state);
}

/** Undefined if an id is zero. Ids of 64 bits are padded. */
function traceOf(short: string | undefined, spanId: string | undefined, state: State): CallerTrace | undefined {
  const traceId = short?.padStart(32, '0');
  if (traceId !== undefined && (isZeroId(traceId) || isZeroId(spanId!))) return undefined;
  const trace = { traceId, spanId, isSampled: state === '1' || state === 'd', traceState: undefined };
  if (state === '?') return { ...trace, isDeferred: true };
  return state === 'd' ? { ...trace, extra: DEBUG } : trace;
}

/** Debug stays, whatever is decided here. */
function stateOf(context: TraceContext): State {
  if (extraOf(context).isDebug === true) return 'd';
  if (context.isSampled) return '1';
  return context.isDeferred === true ? '?' : '0';
}
