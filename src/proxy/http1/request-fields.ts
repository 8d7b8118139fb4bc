/**
 * What a request's headers say to us beside where its body ends. Read once for each head: the plain lane remembers heads
 * (plain-request.ts), and looking names up that are not there is dearer than any that is.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { ServingError } from '../../core/errors.ts';
import { PRIORITY_HEADER, type PriorityClass } from '../../core/priority.ts';
import type { CallerTrace } from '../../telemetry/request-record.ts';
import { callerTrace } from '../../telemetry/tracing/propagation.ts';
import { readPriority } from '../priority-header.ts';
import { clientTimeout } from './deadline-headers.ts';
import { protobufTypeOf } from './protobuf-type.ts';

export interface RequestFields {
  /** Milliseconds from the request's arrival, undefined if the client set none; or what is wrong with the header. */
  readonly timeout: number | undefined | ServingError;
  /** Of `x-pillion-priority`, undefined if there is none; or what is wrong with it. */
  readonly priority: PriorityClass | undefined | ServingError;
  /** `x-request-id`. */
  readonly requestId: string | undefined;
  /** Of `traceparent`, `tracestate` and `baggage`. */
  readonly callerTrace: CallerTrace | undefined;
  /** `accept-encoding`, read only where answers may be compressed. */
  readonly acceptEncoding: string | undefined;
  /** The media type of a protobuf body, as the answer has it too; undefined = JSON, whatever else is sent. */
  readonly protobufType: string | undefined;
}

/** `headers` by names in lower case. */
export function readFields(headers: IncomingHttpHeaders): RequestFields {
  return {
    timeout: clientTimeout(headers),
    priority: readPriority(textOf(headers[PRIORITY_HEADER])),
    requestId: textOf(headers['x-request-id']),
    callerTrace: callerTrace(
      textOf(headers['traceparent']),
      textOf(headers['tracestate']),
      undefined,
      textOf(headers['baggage']),
    ),
    acceptEncoding: textOf(headers['accept-encoding']),
    protobufType: protobufTypeOf(headers['content-type']),
  };
}

function textOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.join(',');
}
