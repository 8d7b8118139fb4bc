/** Writes this server's own bytes: heads before their bodies, and answers in place of the application's. */
import { Buffer } from 'node:buffer';
import type { IncomingMessage, OutgoingMessage, ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers';
import type { Clock } from '../../core/clock.ts';
import type { ServingError } from '../../core/errors.ts';
import { percentEncode } from '../grpc/answer-bytes.ts';
import { truncateMessage } from '../grpc/grpc-errors.ts';
import { JSON_TYPE } from '../http1/answer-head.ts';
import { errorBody } from '../http1/http-errors.ts';
import { endLingering } from '../http1/lingering-end.ts';
import { retryAfterSeconds } from '../refusal-headers.ts';

const NO_BYTES = Buffer.alloc(0);

/**
 * Sends the head, in one piece with what is written in this turn of the event loop, and else alone. `flushHeaders` would
 * send it in UTF-8, though its characters are bytes.
 */
export function flushSoon(message: OutgoingMessage): void {
  setImmediate(() => {
    if (!message.writableEnded && !message.destroyed) message.write(NO_BYTES);
  });
}

interface Refusal {
  readonly error: ServingError;
  /** It is told in gRPC's form. */
  readonly isGrpc: boolean;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Some of the request's body has yet to come: it is read for a while, and discarded. */
  readonly isUnread: boolean;
  readonly endsConnection: boolean;
}

interface RefusalParts {
  readonly clock: Clock;
  /** Headers of every answer of this server's own: names and values in turn. */
  readonly commonHeaders: readonly string[];
}

export function writeRefusal(
  { error, isGrpc, request, response, isUnread, endsConnection }: Refusal,
  { clock, commonHeaders }: RefusalParts,
): void {
  const body = isGrpc ? NO_BYTES : errorBody(error.message);
  const type = isGrpc ? ['application/grpc', ...grpcFields(error)] : [JSON_TYPE];
  const headers = ['content-type', ...type, 'content-length', String(body.length), ...commonHeaders];
  const { retryAfterMs } = error;
  if (retryAfterMs !== undefined) headers.push('retry-after', retryAfterSeconds(retryAfterMs));
  if (endsConnection) headers.push('connection', 'close');
  response.writeHead(isGrpc ? 200 : error.row.http, headers);
  if (isUnread) endLingering(clock, request, response, body);
  else response.end(body);
}

function grpcFields({ row, message }: ServingError): string[] {
  return ['grpc-status', String(row.grpc), 'grpc-message', percentEncode(truncateMessage(message))];
}
