import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { BodyReader } from './body-reader.ts';

/** Reads the body of a message of node:http. Call it once, as BodyReader.read. */
export function readMessageBody(request: IncomingMessage, reader: BodyReader): Promise<Buffer> {
  const whole = reader.read();
  request.on('data', (chunk: Buffer) => reader.take(chunk));
  // A request that broke off only emits 'close'; the connection aborts its exchange.
  request.once('end', () => request.complete && reader.end());
  // The 'error' of a connection that broke off would be uncaught if nobody listened.
  request.once('error', () => reader.stop());
  return whole;
}
