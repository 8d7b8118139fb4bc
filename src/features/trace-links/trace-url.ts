/** Pure. The template of a URL, read once, and the URLs that are made of it. */
import type { TraceIds } from '../../ledger/telemetry.ts';
import { decimalId } from '../../ledger/tracing/trace-context.ts';

const PLACES: Readonly<Record<string, (ids: TraceIds) => string>> = {
  trace_id: ({ traceId }) => traceId,
  trace_id_low64_decimal: ({ traceId }) => decimalId(traceId),
  span_id: ({ spanId }) => spanId,
  span_id_decimal: ({ spanId }) => decimalId(spanId),
};

/** One of these must be there: no page can be found without. */
const NEEDED: readonly string[] = ['trace_id', 'trace_id_low64_decimal'];

const MAX_CHARS = 2048;
/** Printable ASCII without what ends a URL in a page or a line. */
const CHARACTERS = /^[!#-;=?-~]+$/;
const PLACE = /\{([^{}]*)\}/;

const EXAMPLE: TraceIds = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };

/** Makes URLs of a template; an error text if it is none. */
export function readTraceUrl(template: string): ((ids: TraceIds) => string) | string {
  if (template.length > MAX_CHARS) return `it is longer than ${MAX_CHARS} characters`;
  if (!/^https?:\/\//i.test(template)) return 'it must begin with http:// or https://';
  if (!CHARACTERS.test(template)) return 'it may have only printable ASCII, without spaces, quotes, < and >';
  // Texts and the names of places in turn.
  const parts = template.split(PLACE);
  const names = parts.filter((_, i) => i % 2 === 1);
  const unknown = names.find((name) => !Object.hasOwn(PLACES, name));
  if (unknown !== undefined) {
    return `{${unknown}} is not known; known are ${known(Object.keys(PLACES))}; other braces are written %7B and %7D`;
  }
  if (parts.some((part, i) => i % 2 === 0 && /[{}]/.test(part))) return 'other braces are written %7B and %7D';
  if (!names.some((name) => NEEDED.includes(name))) return `it must have ${known(NEEDED, ' or ')}`;
  const urlOf = (ids: TraceIds): string => parts.map((part, i) => (i % 2 === 0 ? part : PLACES[part]!(ids))).join('');
  return problemWith(urlOf(EXAMPLE), parts[0]!) ?? urlOf;
}

/** `before`: what stands before the first place, where callers' ids begin. */
function problemWith(example: string, before: string): string | undefined {
  if (!URL.canParse(example)) return 'it is no URL';
  const { username, password } = new URL(example);
  if (username !== '' || password !== '')
    return 'it must not have a user or a password: everybody sees it who reads the log';
  return /^https?:\/\/[^/?#]+[/?#]/i.test(before) ? undefined : 'its host must be the same for each trace';
}

function known(names: readonly string[], between = ', '): string {
  return names.map((name) => `{${name}}`).join(between);
}
