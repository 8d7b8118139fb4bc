/** `tracecontext`: W3C Trace Context, and `grpc-trace-bin` of older gRPC clients. */
import { callerSpan, W3C } from '../../../ledger/tracing/propagation.ts';
import type { Format } from '../format.ts';

export const TRACE_CONTEXT: Format = {
  names: [...W3C.names],
  read: (source, header, traceBin) =>
    callerSpan(header(source, 'traceparent'), header(source, 'tracestate'), traceBin?.(source)),
  write: (context, headers) => Object.assign(headers, W3C.headersOf(context)),
};
