/**
 * A REST server on puppet models and a fake clock, and a client that sees every byte of the answers. Deadlines pass
 * when the test advances the clock; the sockets are real. Over HTTP/2, where `useHttp2` was called, the same tests have
 * another client.
 */
import { Buffer } from 'node:buffer';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { systemClock } from '../../src/core/clock.ts';
import type { SurfaceMaker } from '../../src/kernel/installation.ts';
import type { Telemetry } from '../../src/ledger/request-record.ts';
import { PillionEngine } from '../../src/proxy/grpc/pillion-engine.ts';
import { RestServer, type RestServerOptions } from '../../src/proxy/servers/http-server.ts';
import { FakeClock } from './fake-clock.ts';
import { isHttp2 } from './http-version.ts';
import { LISTED_SURFACES, puppetParts } from './listed-features.ts';
import { RecordingTelemetry } from './recording-telemetry.ts';
import { type PartsOptions, ServerParts } from './server-parts.ts';

export const MAX_BODY_BYTES = 1024 * 1024;
export const MAX_TIMEOUT_MS = 30_000;

export interface RestOptions extends PartsOptions {
  readonly maxBodyBytes?: number;
  /** The surfaces that features add. Default: LISTED_SURFACES. */
  readonly surfaces?: readonly SurfaceMaker[];
  /** Further options of the server. */
  readonly server?: Partial<RestServerOptions>;
  /** Gives the page of `/monitoring/prometheus/metrics`, or throws. */
  readonly metrics?: () => Promise<{ contentType: string; text: string }>;
}

export class RestHarness extends ServerParts<FakeClock> {
  readonly server: RestServer;
  /** The address to which the server is bound. */
  address = '';
  readonly #sockets = new Set<RawConnection>();
  readonly #http2: PillionEngine | undefined;

  constructor(options: RestOptions = {}) {
    const traces = new RecordingTelemetry({ isSampled: false });
    const startTrace: Telemetry['startTrace'] = (caller) => caller && traces.startTrace(caller);
    super(new FakeClock(), MAX_TIMEOUT_MS, { telemetry: { startTrace }, ...options });
    const maxBodyBytes = options.maxBodyBytes ?? MAX_BODY_BYTES;
    const parts = { ...puppetParts(this, maxBodyBytes), thread: options.server?.thread };
    const { surfaces = LISTED_SURFACES } = options;
    this.server = new RestServer({
      lifecycle: this.lifecycle,
      resolver: parts.resolver,
      modelInfo: parts.modelInfo,
      surfaces: surfaces.map((make) => make(parts)),
      metrics: options.metrics ?? (async () => ({ contentType: 'text/plain', text: 'up 1\n' })),
      maxBodyBytes,
      onInternalError: this.onInternalError,
      ...options.server,
    });
    const { streams } = this.server;
    if (isHttp2()) {
      this.#http2 = new PillionEngine({
        clock: systemClock,
        memory: this.lifecycle.memory,
        rest: {
          isEverywhere: true,
          serve: (stream, headers) => streams.serve(stream, headers),
          refuseHeaders: (stream) => streams.refuseHeaders(stream),
        },
        onInternalError: this.onInternalError,
      });
    }
  }

  async listen(address = '127.0.0.1:0'): Promise<this> {
    this.address = await (this.#http2 ?? this.server).listen(address);
    return this;
  }

  get url(): string {
    return `http://${this.address}`;
  }

  async connect(): Promise<RawConnection> {
    const connection = this.#http2 === undefined ? new RawConnection(this.address) : new StreamConnection(this.address);
    this.#sockets.add(connection);
    await connection.opened();
    return connection;
  }

  async close(): Promise<void> {
    for (const connection of this.#sockets) connection.destroy();
    await this.#http2?.close();
    await this.server.close();
    this.closeParts();
  }
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** The JSON of an answer. */
export function jsonOf(answer: RawAnswer): unknown {
  return JSON.parse(answer.body.toString('utf8'));
}

/** The text of an answer's error. */
export function errorOf(answer: RawAnswer): string {
  return (jsonOf(answer) as { error: string }).error;
}

/** A socket, and the answers that come out of it one by one. */
export class RawConnection {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #isEnded = false;
  #wake: (() => void) | undefined;

  constructor(address: string) {
    const colon = address.lastIndexOf(':');
    this.socket = address.startsWith('unix:')
      ? connect({ path: address.slice('unix:'.length) })
      : connect({ host: address.slice(0, colon).replace(/[[\]]/g, ''), port: Number(address.slice(colon + 1)) });
    this.read();
    this.socket.on('close', () => {
      this.#isEnded = true;
      this.#wake?.();
    });
    this.socket.on('error', () => undefined);
  }

  protected read(): void {
    this.socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake?.();
    });
  }

  opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('error', reject);
    });
  }

  destroy(): void {
    this.socket.destroy();
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** A request with a body; `headers` are lines without their ends. */
  post(path: string, body: string | Uint8Array, headers: readonly string[] = []): void {
    const bytes = Buffer.from(body as string);
    const lines = [`POST ${path} HTTP/1.1`, 'host: test', `content-length: ${bytes.length}`, ...headers];
    this.send(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes]));
  }

  /** A request whose body does not come to its end. `headers` say how long it is to be. */
  begin(path: string, body: string | Uint8Array, headers: readonly string[]): unknown {
    this.send(`${[`POST ${path} HTTP/1.1`, 'host: test', ...headers].join('\r\n')}\r\n\r\n`);
    this.send(body);
    return undefined;
  }

  get(path: string, headers: readonly string[] = [], method = 'GET'): void {
    this.send(`${[`${method} ${path} HTTP/1.1`, 'host: test', ...headers].join('\r\n')}\r\n\r\n`);
  }

  /** The next answer; `hasBody` is false for the answer to HEAD. Rejects if the connection ends first. */
  async answer(hasBody = true): Promise<RawAnswer> {
    for (;;) {
      const answer = this.#takeAnswer(hasBody);
      if (answer !== undefined) return answer;
      if (this.#isEnded)
        throw new Error(`the connection ended after ${JSON.stringify(this.#received.toString('latin1'))}`);
      await this.#change();
    }
  }

  /** Resolves when the text is in what has come and is not taken. */
  async until(text: string): Promise<void> {
    while (!this.#received.includes(text)) {
      if (this.#isEnded) throw new Error(`the connection ended before ${JSON.stringify(text)} came`);
      await this.#change();
    }
  }

  /** Resolves when the server has closed the connection; gives what came before that was no whole answer. */
  async ended(): Promise<string> {
    while (!this.#isEnded) await this.#change();
    return this.#received.toString('latin1');
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #takeAnswer(hasBody: boolean): RawAnswer | undefined {
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd === -1) return undefined;
    const [first, ...lines] = this.#received.toString('latin1', 0, headEnd).split('\r\n');
    const headers = new Map(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.replace(/^[^:]*:\s*/, '')]),
    );
    const bodyStart = headEnd + 4;
    if (hasBody && headers.get('transfer-encoding') === 'chunked') {
      const whole = wholeChunks(this.#received, bodyStart);
      if (whole === undefined) return undefined;
      this.#received = this.#received.subarray(whole.end);
      return { status: Number(first!.split(' ')[1]), headers, body: whole.body };
    }
    const bodyEnd = bodyStart + (hasBody ? Number(headers.get('content-length') ?? 0) : 0);
    if (this.#received.length < bodyEnd) return undefined;
    const body = this.#received.subarray(bodyStart, bodyEnd);
    this.#received = this.#received.subarray(bodyEnd);
    return { status: Number(first!.split(' ')[1]), headers, body };
  }
}

/** A connection of HTTP/2 on which requests are sent one after the other, and answers are given in their order. */
class StreamConnection extends RawConnection {
  #session: ClientHttp2Session | undefined;
  readonly #answers: Promise<RawAnswer>[] = [];

  protected override read(): void {}

  override async opened(): Promise<void> {
    await super.opened();
    this.#session = connectHttp2('http://test', { createConnection: () => this.socket });
    this.#session.on('error', () => undefined);
  }

  override send(): void {
    throw new Error('these bytes are of HTTP/1.1');
  }

  override post(path: string, body: string | Uint8Array, headers: readonly string[] = []): void {
    this.begin(path, body, [`content-length: ${Buffer.byteLength(body)}`, ...headers]).end();
  }

  override get(path: string, headers: readonly string[] = [], method = 'GET'): void {
    this.#request(method, path, headers).end();
  }

  override begin(path: string, body: string | Uint8Array, headers: readonly string[]): ClientHttp2Stream {
    const stream = this.#request('POST', path, headers);
    stream.write(body);
    return stream;
  }

  override async answer(): Promise<RawAnswer> {
    const next = this.#answers.shift();
    if (next === undefined) throw new Error('nothing was asked');
    return next;
  }

  #request(method: string, path: string, lines: readonly string[]): ClientHttp2Stream {
    const headers = Object.fromEntries(lines.map((line) => line.split(/: ?(.*)/s, 2)));
    const stream = this.#session!.request({ ':method': method, ':path': path, ...headers }, { endStream: false });
    const answer = streamAnswer(stream);
    // A test that leaves asks for no answer.
    answer.catch(() => undefined);
    this.#answers.push(answer);
    return stream;
  }
}

/** The answer of a stream, whose request may have been cut off behind it. */
async function streamAnswer(stream: ClientHttp2Stream): Promise<RawAnswer> {
  stream.on('error', () => undefined);
  const received = await new Promise<Record<string, unknown>>((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('close', () => reject(new Error(`the stream was reset with ${stream.rstCode}`)));
  });
  const body = await buffer(stream);
  const { ':status': status, ...headers } = received;
  const named = Object.entries(headers).map(([name, value]) => [name, String(value)] as const);
  return { status: Number(status), headers: new Map(named), body };
}

/** The body in chunks from `start` on, and where it ends; undefined until all of it has come. It has no trailers. */
function wholeChunks(bytes: Buffer, start: number): { readonly body: Buffer; readonly end: number } | undefined {
  const chunks: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const end = lineEnd + 2 + size + 2;
    if (lineEnd === -1 || end > bytes.length) return undefined;
    if (size === 0) return { body: Buffer.concat(chunks), end };
    chunks.push(bytes.subarray(lineEnd + 2, end - 2));
    at = end;
  }
}
