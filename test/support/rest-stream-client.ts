/**
 * The client of REST over HTTP/2 of the surface contract: one connection, which outlives every bad request. Headers of
 * HTTP/1.1 alone have no place there.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import { errorText, GOOD, type SurfaceAnswer } from './surface-clients.ts';
import type { RestSend, StreamSend } from './surface-request.ts';

export class RestStreamClient {
  readonly #address: string;
  #session: ClientHttp2Session | undefined;
  #error: unknown;
  /** Connections opened so far. */
  opened = 0;

  /** @param address "host:port" that speaks HTTP/2 without TLS */
  constructor(address: string) {
    this.#address = address;
  }

  async send(send: RestSend): Promise<SurfaceAnswer> {
    const { path = '/v1/models/float:predict', method = 'POST' } = send;
    const own: StreamSend = send.bytes === undefined ? send : send.http2!;
    const { headers = [], body = '', isUnannounced = false, isOpen = false } = own;
    const bytes = Buffer.from(body as string);
    const fields = Object.fromEntries(headers.map((line) => line.split(/: (.*)/s, 2)));
    const length = isUnannounced ? {} : { 'content-length': String(bytes.length) };
    const head = { ':method': method, ':path': path, ...length, ...fields };
    const stream = this.#open().request(head, { endStream: false });
    if (isOpen) stream.write(bytes);
    else stream.end(bytes);
    const answer = await readStream(stream, method !== 'HEAD');
    assert.equal(this.#error, undefined);
    return answer;
  }

  /** A request that must be answered well, on the connection as it is now. */
  async good(): Promise<void> {
    const answer = await this.send(GOOD.rest);
    assert.deepEqual([answer.code, answer.body.toString()], [200, '{"outputs":[[1.0,2.0,3.0,4.0]]}']);
  }

  close(): void {
    this.#session?.destroy();
  }

  #open(): ClientHttp2Session {
    if (this.#session !== undefined) return this.#session;
    this.opened += 1;
    const session = connect(`http://${this.#address}`);
    session.on('error', (error) => {
      this.#error = error;
    });
    session.on('goaway', (code) => {
      this.#error = new Error(`GOAWAY ${code}`);
    });
    this.#session = session;
    return session;
  }
}

/** The answer of a stream, whose request may have been cut off behind it. */
async function readStream(stream: ClientHttp2Stream, hasBody: boolean): Promise<SurfaceAnswer> {
  // A reset behind the whole answer, with NO_ERROR, says that the rest of the request is not wanted.
  stream.on('error', () => undefined);
  const headers = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.once('response', (received) => resolve(received as IncomingHttpHeaders));
    stream.once('close', () => reject(new Error(`reset with ${stream.rstCode}`)));
  });
  const body = await buffer(stream);
  const code = Number(headers[':status']);
  const after = headers['retry-after'];
  for (const name of ['connection', 'keep-alive', 'transfer-encoding']) assert.equal(name in headers, false);
  assert.ok(headers.date !== undefined || code === 431);
  return {
    code,
    text: code >= 400 && hasBody ? errorText(body) : '',
    retryAfterMs: after === undefined ? undefined : Number(after) * 1000,
    body,
    closes: false,
  };
}
