/** Who calls, as its metadata says: `x-request-id`, and the span that the call is a part of. */

import type { CallerTrace } from '../../telemetry/request-record.ts';
import { callerTrace } from '../../telemetry/tracing/propagation.ts';

/** Keys that answers carry too. */
export const REQUEST_ID = 'x-request-id';
export const TRACEPARENT = 'traceparent';

export interface Caller {
  /** Undefined = it sent none. */
  readonly requestId: string | undefined;
  /** Undefined = it sent none, or none that is well formed. */
  readonly trace: CallerTrace | undefined;
}

/** Where metadata is found: a call, or the head of calls that are all alike. */
export interface MetadataSource {
  metadata(name: string): string | undefined;
  binaryMetadata(name: string): Uint8Array | undefined;
}

export function readCaller(source: MetadataSource): Caller {
  return {
    requestId: source.metadata(REQUEST_ID),
    trace: callerTrace(
      source.metadata(TRACEPARENT),
      source.metadata('tracestate'),
      source.binaryMetadata('grpc-trace-bin'),
      source.metadata('baggage'),
    ),
  };
}
