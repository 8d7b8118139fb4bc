/**
 * Clients that keep a server's word at its restarts: they reconnect after `connection: close` and GOAWAY, send again
 * what the server says it has not taken, and count what is lost all the same. Each sends a request every so often, and
 * none while it waits for an answer.
 *
 *   request ──▶ answered: right, or turned away (503, UNAVAILABLE)
 *           ├─▶ safe to send again: nobody listens, the connection failed before the server had said a word on it,
 *           │   GOAWAY names an earlier stream, REFUSED_STREAM
 *           └─▶ lost: the server had taken the connection, and the request has no answer
 *
 * HTTP/1.1 has no first word of a server and no way to tell a client that idles of a drain. So two more ends are
 * counted apart: the first request of a connection ended before any byte came back, which the kernel does to
 * connections that wait to be accepted when the listening socket closes; and one that was sent SOON_IDLE_MS after the
 * one before it: the connection may have idled since, as a client that waits for a core reads an answer long after it
 * has come.
 */
import { Buffer } from 'node:buffer';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect as connectNet, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { frame, openCall } from './raw-grpc.ts';
import { PREDICT } from './surface-request.ts';

export interface RestartTarget {
  readonly name: string;
  readonly protocol: 'rest' | 'grpc';
  /** "host:port" or "unix:path" */
  readonly address: string;
  /** The server's certificate, for localhost; undefined = no TLS. */
  readonly ca?: string | undefined;
}

/** One request, and what tells the right answer. */
export interface RestartRequest {
  readonly bytes: Buffer;
  isRight(answer: Buffer): boolean;
}

export class Tally {
  answered = 0;
  turnedAway = 0;
  /** Sent again, as the server allowed. */
  again = 0;
  connections = 0;
  failedConnects = 0;
  firstWasReset = 0;
  afterIdle = 0;
  readonly lost: string[] = [];
  readonly wrong: string[] = [];
}

const RECONNECT_MS = 5;
/** Below the second after which a server that ends closes idle connections. */
const SOON_IDLE_MS = 800;

/** How one attempt to get an answer has ended. */
type Attempt = 'answered' | 'turnedAway' | 'again' | 'firstWasReset' | 'afterIdle';

interface Client {
  /** Sends the request once; connects before if it must. Rejects if the request is lost. */
  attempt(): Promise<Attempt>;
  /** Leaves the connection, which has no request open. */
  close(): void;
}

/** Half of the clients leave their connection after so many answers: somebody always connects. */
const BRIEF_ANSWERS = 5;

/** So many clients of one target. */
export class RestartClients {
  readonly tally = new Tally();
  readonly target: RestartTarget;
  readonly #loops: Promise<void>[];
  #isStopped = false;

  /** `periodMs`: from one request of a client to its next. */
  constructor(target: RestartTarget, request: RestartRequest, count: number, periodMs: number) {
    this.target = target;
    this.#loops = Array.from({ length: count }, (_, i) =>
      this.#loop(request, periodMs, {
        offsetMs: (periodMs * i) / count,
        mostAnswers: i % 2 === 0 ? Infinity : BRIEF_ANSWERS,
      }),
    );
  }

  /** Resolves when each has the answer to its last request. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#loops);
  }

  async #loop(
    request: RestartRequest,
    periodMs: number,
    { offsetMs, mostAnswers }: { readonly offsetMs: number; readonly mostAnswers: number },
  ): Promise<void> {
    const client =
      this.target.protocol === 'rest'
        ? new RestClient(this.target, request, this.tally)
        : new GrpcClient(this.target, request, this.tally);
    let at = performance.now() + offsetMs;
    for (let answers = 1; !this.#isStopped; answers++) {
      await delay(Math.max(0, at - performance.now()));
      at = Math.max(at + periodMs, performance.now());
      await this.#untilAnswered(client);
      if (answers % mostAnswers === 0) client.close();
    }
    client.close();
  }

  async #untilAnswered(client: Client): Promise<void> {
    for (;;) {
      try {
        const attempt = await client.attempt();
        this.tally[attempt] += 1;
        if (attempt === 'answered') return;
      } catch (error) {
        this.tally.lost.push(`${this.target.name}: ${(error as Error).message}`);
      }
      if (this.#isStopped) return;
      await delay(RECONNECT_MS);
    }
  }
}

function openSocket({ address, ca, protocol }: RestartTarget): Socket {
  if (address.startsWith('unix:')) return connectNet(address.slice('unix:'.length));
  const [host, port] = address.split(':');
  const options = { host: host!, port: Number(port), noDelay: true };
  if (ca === undefined) return connectNet(options);
  return connectTls({
    ...options,
    ca,
    servername: 'localhost',
    ALPNProtocols: [protocol === 'grpc' ? 'h2' : 'http/1.1'],
  });
}

class RestClient implements Client {
  readonly #target: RestartTarget;
  readonly #request: RestartRequest;
  readonly #tally: Tally;
  #socket: Socket | undefined;
  #received = Buffer.alloc(0);
  #wake = (): void => undefined;
  #answers = 0;
  #sentAt = 0;

  constructor(target: RestartTarget, request: RestartRequest, tally: Tally) {
    this.#target = target;
    this.#request = request;
    this.#tally = tally;
  }

  async attempt(): Promise<Attempt> {
    if (this.#socket?.destroyed !== false && !(await this.#open())) return 'again';
    const socket = this.#socket!;
    const now = performance.now();
    const sinceMs = now - this.#sentAt;
    this.#sentAt = now;
    socket.write(this.#request.bytes);
    while (!socket.destroyed) {
      const attempt = this.#take();
      if (attempt !== undefined) return attempt;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const attempt = this.#take();
    if (attempt !== undefined) return attempt;
    if (this.#received.length === 0 && this.#answers === 0 && this.#target.ca === undefined) return 'firstWasReset';
    if (this.#received.length === 0 && this.#answers > 0 && sinceMs > SOON_IDLE_MS) return 'afterIdle';
    throw new Error(
      `ended after ${this.#answers} answers, sent ${sinceMs} ms after the last, and ${this.#received.toString('latin1')}`,
    );
  }

  close(): void {
    this.#socket?.destroy();
  }

  #open(): Promise<boolean> {
    const socket = openSocket(this.#target);
    this.#socket = socket;
    this.#received = Buffer.alloc(0);
    this.#answers = 0;
    socket.on('error', () => undefined);
    return new Promise((resolve) => {
      let isOpen = false;
      socket.once(this.#target.ca === undefined ? 'connect' : 'secureConnect', () => {
        isOpen = true;
        this.#tally.connections += 1;
        resolve(true);
      });
      socket.on('data', (chunk: Buffer) => {
        this.#received = Buffer.concat([this.#received, chunk]);
        this.#wake();
      });
      socket.once('end', () => socket.destroy());
      socket.once('close', () => {
        if (this.#socket === socket) this.#wake();
        if (!isOpen) this.#tally.failedConnects += 1;
        resolve(false);
      });
    });
  }

  /** The answer, once it is whole. */
  #take(): Attempt | undefined {
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd === -1) return undefined;
    const head = this.#received.toString('latin1', 0, headEnd).toLowerCase();
    const end = headEnd + 4 + Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? 0);
    if (this.#received.length < end) return undefined;
    const body = this.#received.subarray(headEnd + 4, end);
    this.#received = this.#received.subarray(end);
    this.#answers += 1;
    if (/\r\nconnection: close/.test(head)) {
      this.#socket!.destroy();
      this.#socket = undefined;
    }
    if (head.startsWith('http/1.1 503')) return 'turnedAway';
    if (!head.startsWith('http/1.1 200') || !this.#request.isRight(body)) this.#tally.wrong.push(`${head} ${body}`);
    return 'answered';
  }
}

class GrpcClient implements Client {
  readonly #target: RestartTarget;
  readonly #request: RestartRequest;
  readonly #tally: Tally;
  #connection: GrpcConnection | undefined;

  constructor(target: RestartTarget, request: RestartRequest, tally: Tally) {
    this.#target = target;
    this.#request = request;
    this.#tally = tally;
  }

  async attempt(): Promise<Attempt> {
    if (this.#connection?.isUsable !== true) this.#connection = new GrpcConnection(this.#target, this.#tally);
    const answer = await this.#connection.call(frame(this.#request.bytes));
    if (answer === 'again') return 'again';
    const { status, message } = answer;
    if (status === UNAVAILABLE) return 'turnedAway';
    const isRight = status === 0 && this.#request.isRight(message);
    if (!isRight) this.#tally.wrong.push(`status ${status}, ${message.length} bytes`);
    return 'answered';
  }

  close(): void {
    this.#connection?.session.close();
    this.#connection = undefined;
  }
}

const UNAVAILABLE = 14;

class GrpcConnection {
  readonly session: ClientHttp2Session;
  /** The server's SETTINGS have come: it has taken the connection. */
  #isTaken = false;
  #lastStreamId = Infinity;

  constructor(target: RestartTarget, tally: Tally) {
    this.session = connectHttp2('http://localhost', { createConnection: () => openSocket(target) });
    this.session.on('error', () => undefined);
    this.session.once('connect', () => {
      tally.connections += 1;
    });
    this.session.once('remoteSettings', () => {
      this.#isTaken = true;
    });
    this.session.on('goaway', (_code, lastStreamId) => {
      this.#lastStreamId = Math.min(this.#lastStreamId, lastStreamId === 0 ? Infinity : lastStreamId);
    });
    this.session.once('close', () => {
      if (!this.#isTaken) tally.failedConnects += 1;
    });
  }

  get isUsable(): boolean {
    return !this.session.closed && !this.session.destroyed;
  }

  call(body: Buffer): Promise<'again' | { status: number; message: Buffer }> {
    const stream = openCall(this.session, PREDICT);
    const chunks: Buffer[] = [];
    let status = Number.NaN;
    return new Promise((resolve, reject) => {
      const onHeaders = (headers: Record<string, unknown>): void => {
        if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status']);
      };
      stream.on('response', onHeaders);
      stream.on('trailers', onHeaders);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', () => undefined);
      stream.on('close', () => {
        if (!Number.isNaN(status)) resolve({ status, message: Buffer.concat(chunks).subarray(5) });
        else if (!this.#isTaken || stream.id === undefined || stream.id > this.#lastStreamId) resolve('again');
        else if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) resolve('again');
        else reject(new Error(`stream ${stream.id} ended with code ${stream.rstCode}, GOAWAY ${this.#lastStreamId}`));
      });
      stream.end(body);
    });
  }
}
