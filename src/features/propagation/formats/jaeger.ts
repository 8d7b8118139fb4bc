/**
 * `jaeger`: the header of Jaeger's older clients (https://www.jaegertracing.io/sdk-migration/#propagation-format), whose
 * baggage (`uberctx-…`) is not read.
 *
 *   uber-trace-id: TRACE:SPAN:PARENT:FLAGS     hex without leading zeros, FLAGS: 1 = sampled, 2 = debug
 */
import type { CallerTrace } from '../../../ledger/request-record.ts';
import { isZeroId } from '../../../ledger/tracing/trace-context.ts';
import { type Extra, extraOf, type Format } from '../format.ts';

const NAME = 'uber-trace-id';
/** Some clients write the colons as a URL would. */
const VALUE = /^([0-9a-f]{1,32})(?::|%3a)([0-9a-f]{1,16})(?::|%3a)[0-9a-f]{0,16}(?::|%3a)([0-9a-f]{1,2})$/i;

const FLAG_SAMPLED = 1;
const FLAG_DEBUG = 2;

const DEBUG: Extra = { isDebug: true };

export const JAEGER: Format = {
  names: [NAME],
  read: (source, header) => {
    const value = header(source, NAME);
    return value === undefined ? undefined : readValue(value);
  },
  write: (context, headers) => {
    const { traceId, spanId, isSampled } = context;
    const flags = isSampled ? (extraOf(context).isDebug === true ? FLAG_SAMPLED | FLAG_DEBUG : FLAG_SAMPLED) : 0;
    headers[NAME] = `${traceId}:${spanId}:0:0${flags}`;
  },
};

function readValue(value: string): CallerTrace | undefined {
  const match = VALUE.exec(value);
  if (match === null) return undefined;
  const traceId = match[1]!.toLowerCase().padStart(32, '0');
  const spanId = match[2]!.toLowerCase().padStart(16, '0');
  if (isZeroId(traceId) || isZeroId(spanId)) return undefined;
  const flags = Number.parseInt(match[3]!, 16);
  const isSampled = (flags & FLAG_SAMPLED) !== 0;
  const trace = { traceId, spanId, isSampled, traceState: undefined };
  return isSampled && (flags & FLAG_DEBUG) !== 0 ? { ...trace, extra: DEBUG } : trace;
}
