/**
 * The two clients of the surface contract, each on one connection that outlives every bad request.
 *
 * REST: a keep-alive socket. It is opened anew only after an answer that said `connection: close`. gRPC: a grpc-js
 * channel through a relay that counts connections, and an HTTP/2 session spoken by hand for what grpc-js would not
 * send.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { ClientHttp2Session } from 'node:http2';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Client, credentials, Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { answerOf, frame, openCall, openSession } from './raw-grpc.ts';
import { RawConnection } from './rest-harness.ts';
import { floats, type GrpcSend, outputOf, PREDICT, predict, type RestSend } from './surface-request.ts';

/** An answer of either surface. */
export interface SurfaceAnswer {
  /** HTTP status, or gRPC code. */
  readonly code: number;
  /** The error's text; '' where there is none. */
  readonly text: string;
  /** When to come back, in ms, where the answer says so. */
  readonly retryAfterMs: number | undefined;
  /** The body or message as it came. */
  readonly body: Buffer;
  /** REST alone: `connection: close`. */
  readonly closes: boolean;
}

export const GOOD = predict({ model: 'float', inputs: { x: floats(1, 2, 3, 4) } });

export class RestClient {
  readonly #address: string;
  #connection: RawConnection | undefined;
  /** Sockets opened so far. */
  opened = 0;

  constructor(address: string) {
    this.#address = address;
  }

  async send(send: RestSend): Promise<SurfaceAnswer> {
    const connection = await this.#open();
    connection.send(restBytes(send));
    const answer = await readAnswer(connection, send.method !== 'HEAD');
    if (answer.closes) {
      // Nothing but the end may follow.
      assert.equal(await connection.ended(), '');
      this.#connection = undefined;
    } else if (send.rest !== undefined) connection.send(send.rest);
    return answer;
  }

  /** A request that must be answered well, on the connection as it is now. */
  async good(): Promise<void> {
    const answer = await this.send(GOOD.rest);
    assert.deepEqual([answer.code, answer.body.toString()], [200, '{"outputs":[[1.0,2.0,3.0,4.0]]}']);
  }

  close(): void {
    this.#connection?.destroy();
  }

  async #open(): Promise<RawConnection> {
    if (this.#connection !== undefined) return this.#connection;
    const connection = new RawConnection(this.#address);
    await connection.opened();
    this.#connection = connection;
    this.opened += 1;
    return connection;
  }
}

/** A request's bytes, by default a POST to the model `float`. */
export function restBytes(send: RestSend): Buffer {
  if (send.bytes !== undefined) return Buffer.from(send.bytes as string);
  const { path = '/v1/models/float:predict', method = 'POST', headers = [] } = send;
  const body = Buffer.from((send.body ?? '') as string);
  const length = headers.some((line) => /^(content-length|transfer-encoding):/i.test(line))
    ? []
    : [`content-length: ${body.length}`];
  const head = [`${method} ${path} HTTP/1.1`, 'host: sidecar', ...length, ...headers].join('\r\n');
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`, 'latin1'), body]);
}

/** The next answer of a connection. */
export async function readAnswer(connection: RawConnection, hasBody = true): Promise<SurfaceAnswer> {
  const { status, headers, body } = await connection.answer(hasBody);
  const after = headers.get('retry-after');
  return {
    code: status,
    text: status >= 400 && hasBody ? errorText(body) : '',
    retryAfterMs: after === undefined ? undefined : Number(after) * 1000,
    body,
    closes: headers.get('connection') === 'close',
  };
}

/** The text of a body that is {"error": "<text>"} and nothing else. */
export function errorText(body: Buffer): string {
  const json = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
  assert.deepEqual(Object.keys(json), ['error']);
  assert.equal(typeof json['error'], 'string');
  return json['error'] as string;
}

export class GrpcClient {
  readonly #relay: Relay;
  readonly #channel: Client;
  readonly #session: ClientHttp2Session;
  #sessionError: unknown;

  private constructor(relay: Relay, session: ClientHttp2Session) {
    this.#relay = relay;
    this.#session = session;
    session.on('error', (error) => {
      this.#sessionError = error;
    });
    session.on('goaway', (code) => {
      this.#sessionError = new Error(`GOAWAY ${code}`);
    });
    this.#channel = new Client(relay.address, credentials.createInsecure(), {
      'grpc.max_send_message_length': -1,
      'grpc.max_receive_message_length': -1,
      'grpc.enable_retries': 0,
    });
  }

  static async open(address: string): Promise<GrpcClient> {
    return new GrpcClient(await Relay.open(address), openSession(address));
  }

  /** Connections that the channel has made: 1, if no bad request has cost it one. */
  get opened(): number {
    return this.#relay.accepted;
  }

  send(send: GrpcSend): Promise<SurfaceAnswer> {
    return send.data === undefined ? this.#viaChannel(send) : this.#byHand(send);
  }

  /** A request that must be answered well on the same connection; `byHand`: on the session spoken by hand. */
  async good(byHand = false): Promise<void> {
    const { message } = GOOD.grpc;
    const answer = await this.send(byHand ? { data: frame(message!) } : GOOD.grpc);
    assert.equal(answer.code, 0, answer.text);
    assert.deepEqual(outputOf(answer.body), { shape: [1, 4], values: [1, 2, 3, 4] });
    assert.equal(this.#sessionError, undefined);
  }

  async close(): Promise<void> {
    this.#channel.close();
    this.#session.destroy();
    await this.#relay.close();
  }

  #viaChannel(send: GrpcSend): Promise<SurfaceAnswer> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(send.headers ?? {})) metadata.set(name, value);
    return new Promise((resolve) => {
      let failure: ServiceError | null = null;
      let body = Buffer.alloc(0);
      const answered = (error: ServiceError | null, message?: Buffer): void => {
        failure = error;
        if (message !== undefined) body = Buffer.from(message);
      };
      const call = this.#channel.makeUnaryRequest(
        send.path ?? PREDICT,
        Buffer.from,
        Buffer.from,
        Buffer.from(send.message ?? new Uint8Array(0)),
        metadata,
        answered,
      );
      call.on('status', ({ code, details, metadata: trailers }: StatusObject) => {
        const after = trailers.get('grpc-retry-pushback-ms')[0];
        const retryAfterMs = after === undefined ? undefined : Number(after);
        // The callback of a call comes with its status, in the same turn.
        setImmediate(() => resolve({ code, text: failure === null ? '' : details, retryAfterMs, body, closes: false }));
      });
    });
  }

  async #byHand(send: GrpcSend): Promise<SurfaceAnswer> {
    const stream = openCall(this.#session, send.path ?? PREDICT, send.headers);
    const answered = answerOf(stream);
    if (send.isOpen) stream.write(send.data);
    else stream.end(send.data);
    const answer = await answered;
    return {
      code: answer.grpcStatus,
      text: answer.grpcMessage,
      retryAfterMs: undefined,
      body: answer.message ?? Buffer.alloc(0),
      closes: false,
    };
  }
}

/** Hands connections on to `target` and counts them. */
class Relay {
  readonly address: string;
  accepted = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, target: string) {
    this.#server = server;
    const { port } = server.address() as { port: number };
    this.address = `127.0.0.1:${port}`;
    const colon = target.lastIndexOf(':');
    const options = { host: target.slice(0, colon), port: Number(target.slice(colon + 1)) };
    server.on('connection', (near) => {
      this.accepted += 1;
      const far = connect(options);
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
      }
      near.on('close', () => far.destroy());
      // Bytes that the server sent before it closed go out first.
      far.on('close', () => near.end());
      near.pipe(far).pipe(near);
    });
  }

  static async open(target: string): Promise<Relay> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Relay(server, target);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
