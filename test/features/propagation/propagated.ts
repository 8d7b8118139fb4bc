/** Traces read and written as OTEL_PROPAGATORS names their formats, for tests. */
import { namedPropagation } from '../../../src/features/propagation/named-propagation.ts';
import type { CallerTrace } from '../../../src/ledger/request-record.ts';
import type { TraceContext } from '../../../src/ledger/tracing/trace-context.ts';

export type Headers = Readonly<Record<string, string>>;

const valueIn = (headers: Headers, name: string): string | undefined =>
  Object.hasOwn(headers, name) ? headers[name] : undefined;

export async function read(names: string, headers: Headers): Promise<CallerTrace | undefined> {
  return (await namedPropagation(names.split(','))).read(headers, valueIn, undefined);
}

export async function written(names: string, context: TraceContext): Promise<Headers> {
  return (await namedPropagation(names.split(','))).headersOf(context);
}

/** The context of a server that makes no spans of its own, and passes its caller's on. */
export function passedOn(caller: CallerTrace | undefined): TraceContext {
  return { ...caller!, traceId: caller!.traceId!, spanId: caller!.spanId!, parentSpanId: undefined };
}
