/**
 * gRPC spoken by hand over node:http2: for what a proper client would never send.
 */
import { Buffer } from 'node:buffer';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { connect as connectSocket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** The status in the trailers, or in the headers if there are no trailers; NaN if neither has one. */
  readonly grpcStatus: number;
  readonly grpcMessage: string;
  readonly message: Buffer | undefined;
}

/** Opens a session to "host:port" or "unix:path". */
export function openSession(address: string): ClientHttp2Session {
  if (!address.startsWith('unix:')) return connect(`http://${address}`);
  return connect('http://localhost', { createConnection: () => connectSocket(address.slice('unix:'.length)) });
}

/** A gRPC frame around a message. */
export function frame(message: Uint8Array, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag);
  head.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([head, message]);
}

export function openCall(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): ClientHttp2Stream {
  return session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
}

/** The answer that comes back on a stream, once it has ended. */
export function answerOf(stream: ClientHttp2Stream): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let headers: Record<string, unknown> = {};
    let trailers: Record<string, unknown> = {};
    stream.on('response', (received) => {
      headers = received;
    });
    stream.on('trailers', (received) => {
      trailers = received;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () => {
      // Trailers come before the end. The server may have answered before we had sent all.
      stream.close();
      const body = Buffer.concat(chunks);
      const told = 'grpc-status' in trailers ? trailers : headers;
      resolve({
        status: Number(headers[':status']),
        grpcStatus: Number(told['grpc-status'] ?? Number.NaN),
        grpcMessage: percentDecoded(String(told['grpc-message'] ?? '')),
        message: body.length < 5 ? undefined : body.subarray(5, 5 + body.readUInt32BE(1)),
      });
    });
  });
}

/** Decodes as clients do: a text that is not well encoded stays as it is. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The messages that come on a stream, once it has ended. */
export function readMessages(stream: ClientHttp2Stream): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () => {
      stream.close();
      const messages: Buffer[] = [];
      for (let rest = Buffer.concat(chunks); rest.length >= 5; ) {
        const end = 5 + rest.readUInt32BE(1);
        messages.push(rest.subarray(5, end));
        rest = rest.subarray(end);
      }
      resolve(messages);
    });
  });
}

/** One whole call. */
export function rawCall(
  session: ClientHttp2Session,
  path: string,
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawAnswer> {
  const stream = openCall(session, path, headers);
  const answer = answerOf(stream);
  stream.end(body);
  return answer;
}

/** Resets a stream, as a client does that has lost interest. */
export function reset(stream: ClientHttp2Stream): void {
  stream.close(constants.NGHTTP2_CANCEL);
}
