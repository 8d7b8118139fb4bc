/**
 * Answers a client that speaks HTTP/1.1 on the gRPC port, in its language, which people can read in most tools. What
 * still comes in is read and discarded for a moment: if the connection were closed at once the kernel would answer with
 * a reset, and the client would drop the answer unread. A client that speaks anything else is disconnected.
 */
import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../../core/clock.ts';

const LINGER_MS = 1000;
const LINGER_BYTES = 1024 * 1024;
const REQUEST_LINE = /^[A-Z]+ \S+ HTTP\/1\./;

const PLAIN_ANSWER = answer('without TLS');
const TLS_ANSWER = answer('with TLS');

/** The bytes that have come are in the duplex. */
export function refuseHttp1(duplex: Duplex, clock: Clock): void {
  let bytes = 0;
  const timer = clock.setTimer(clock.nowMs() + LINGER_MS, () => duplex.destroy());
  duplex.on('error', () => duplex.destroy());
  duplex.on('close', () => timer.cancel());
  duplex.on('data', (chunk: Buffer) => {
    const isFirst = bytes === 0;
    bytes += chunk.length;
    if (bytes > LINGER_BYTES) duplex.destroy();
    else if (!isFirst) return;
    else if (REQUEST_LINE.test(chunk.toString('latin1')))
      duplex.end(duplex instanceof TLSSocket ? TLS_ANSWER : PLAIN_ANSWER);
    else duplex.destroy();
  });
}

function answer(how: string): string {
  const text = `This port speaks gRPC, over HTTP/2 ${how}. REST has a port of its own (--rest_api_port).\n`;
  return `HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`;
}
