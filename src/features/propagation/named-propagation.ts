/**
 * The formats that OTEL_PROPAGATORS names, as one. As OpenTelemetry has it, they read in the order of their names, and the
 * last that finds a span counts; all of them are written. Only what is named is imported.
 */
import type { CallerTrace } from '../../ledger/request-record.ts';
import { type Propagation, type ReadHeader, withBaggage } from '../../ledger/tracing/propagation.ts';
import type { TraceContext } from '../../ledger/tracing/trace-context.ts';
import type { Format } from './format.ts';

const FORMATS: Readonly<Record<string, () => Promise<Format>>> = {
  tracecontext: async () => (await import('./formats/trace-context.ts')).TRACE_CONTEXT,
  b3: async () => (await import('./formats/b3.ts')).B3,
  b3multi: async () => (await import('./formats/b3.ts')).B3_MULTI,
  jaeger: async () => (await import('./formats/jaeger.ts')).JAEGER,
  xray: async () => (await import('./formats/xray.ts')).XRAY,
  datadog: async () => (await import('./formats/datadog.ts')).DATADOG,
};

/** W3C's, which any of the formats may go with. */
const BAGGAGE = 'baggage';
const NONE = 'none';

/** Rejects with an Error that says what is known if a name is not. `names`: those of OTEL_PROPAGATORS. */
export async function namedPropagation(names: readonly string[]): Promise<Propagation> {
  const wanted = [...new Set(names)];
  const isNone = wanted.includes(NONE);
  if (isNone && wanted.length > 1) throw new Error('OTEL_PROPAGATORS: none does not go with other names');
  const unknown = wanted.filter((name) => name !== NONE && name !== BAGGAGE && !Object.hasOwn(FORMATS, name));
  if (unknown.length > 0) {
    const known = [...Object.keys(FORMATS), BAGGAGE, NONE].join(', ');
    throw new Error(`OTEL_PROPAGATORS: "${unknown.join('", "')}" is not known; known are ${known}`);
  }
  const formats = await Promise.all(wanted.flatMap((name) => FORMATS[name]?.() ?? []));
  return new NamedPropagation(formats, wanted.includes(BAGGAGE));
}

class NamedPropagation implements Propagation {
  readonly names: ReadonlySet<string>;
  readonly #formats: readonly Format[];
  readonly #readsBaggage: boolean;

  constructor(formats: readonly Format[], readsBaggage: boolean) {
    this.names = new Set(formats.flatMap(({ names }) => names));
    this.#formats = formats;
    this.#readsBaggage = readsBaggage;
  }

  read<Source>(
    source: Source,
    header: ReadHeader<Source>,
    traceBin: ((source: Source) => Uint8Array | undefined) | undefined,
  ): CallerTrace | undefined {
    let trace: CallerTrace | undefined;
    for (const format of this.#formats) {
      const found = format.read(source, header, traceBin);
      if (found !== undefined) trace = trace === undefined ? found : laterOf(trace, found);
    }
    return this.#readsBaggage ? withBaggage(trace, header(source, BAGGAGE)) : trace;
  }

  headersOf(context: TraceContext): Readonly<Record<string, string>> {
    const headers: Record<string, string> = {};
    for (const format of this.#formats) format.write(context, headers);
    return headers;
  }
}

/**
 * The later format's span; a decision without a span is none. Where both name the same span, each keeps what it alone
 * says: a caller that writes two formats has a tracestate in one of them.
 */
function laterOf(before: CallerTrace, found: CallerTrace): CallerTrace {
  if (found.traceId === undefined && before.traceId !== undefined) return before;
  if (found.traceId !== before.traceId || found.spanId !== before.spanId) return found;
  const { isSampled, isDeferred } = found.isDeferred === true ? before : found;
  return {
    ...before,
    isSampled,
    isDeferred,
    traceState: found.traceState ?? before.traceState,
    isRandom: found.isRandom ?? before.isRandom,
    extra: { ...before.extra, ...found.extra },
  };
}
