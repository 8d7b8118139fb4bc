/** The caller's identity in a call's metadata: `x-request-id`, and the span that the call belongs to. */
import type { CallerTrace } from '../../telemetry/request-record.ts';
import { callerTrace } from '../../telemetry/tracing/propagation.ts';

/** Metadata that answers repeat. */
export const REQUEST_ID = 'x-request-id';
export const TRACEPARENT = 'traceparent';

export interface Caller {
  /** Undefined if it sent none. */
  readonly requestId: string | undefined;
  /** Undefined if it sent none that is well formed. */
  readonly trace: CallerTrace | undefined;
}

/** A call, or the shared head of equal calls. */
interface MetadataSource {
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
