/**
 * `xray`: the header of AWS X-Ray (https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html).
 *
 *   x-amzn-trace-id: Root=1-SECONDS-RANDOM;Parent=SPAN;Sampled=1       8 and 24 hex digits; fields in any order
 *
 * A header without Parent, as load balancers send it to the first server, names no span: it is as if not sent.
 */
import type { CallerTrace } from '../../../ledger/request-record.ts';
import { isZeroId } from '../../../ledger/tracing/trace-context.ts';
import type { Format } from '../format.ts';

const NAME = 'x-amzn-trace-id';
/** Load balancers and functions add fields of their own. */
const MAX_CHARS = 512;
const ROOT = /^1-([0-9a-f]{8})-([0-9a-f]{24})$/i;
const PARENT = /^[0-9a-f]{16}$/i;

/** The first 32 bits of the trace id, which are its seconds where X-Ray made it. */
const SECONDS_DIGITS = 8;

export const XRAY: Format = {
  names: [NAME],
  read: (source, header) => {
    const value = header(source, NAME);
    return value === undefined || value.length > MAX_CHARS ? undefined : readValue(value);
  },
  write: ({ traceId, spanId, isSampled, isDeferred }, headers) => {
    const sampled = isDeferred === true ? '' : `;Sampled=${isSampled ? 1 : 0}`;
    const root = `1-${traceId.slice(0, SECONDS_DIGITS)}-${traceId.slice(SECONDS_DIGITS)}`;
    headers[NAME] = `Root=${root};Parent=${spanId}${sampled}`;
  },
};

function readValue(value: string): CallerTrace | undefined {
  // It came twice: no field has a comma.
  if (value.includes(',')) return undefined;
  const fields = new Map<string, string>();
  for (const field of value.split(';')) {
    const [name = '', text = ''] = field.trim().split('=', 2);
    if (fields.has(name)) return undefined;
    fields.set(name, text);
  }
  const root = ROOT.exec(fields.get('Root') ?? '');
  const parent = fields.get('Parent') ?? '';
  if (root === null || !PARENT.test(parent)) return undefined;
  const traceId = (root[1]! + root[2]!).toLowerCase();
  const spanId = parent.toLowerCase();
  if (isZeroId(traceId) || isZeroId(spanId)) return undefined;
  return withDecision({ traceId, spanId, isSampled: false, traceState: undefined }, fields.get('Sampled'));
}

/** Absent or `?`: the receiver decides. */
function withDecision(trace: CallerTrace, sampled: string | undefined): CallerTrace | undefined {
  if (sampled === undefined || sampled === '?') return { ...trace, isDeferred: true };
  if (sampled !== '0' && sampled !== '1') return undefined;
  return { ...trace, isSampled: sampled === '1' };
}
