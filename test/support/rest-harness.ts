/**
 * A REST server on puppet models and a fake clock, and a client that sees every byte of the answers. Deadlines pass
 * when the test advances the clock; the sockets are real.
 */
import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { DeadlineTimer } from '../../src/core/deadline-timer.ts';
import { ModelInfoHandler } from '../../src/proxy/handlers/model-info.ts';
import { ModelResolver } from '../../src/proxy/handlers/model-resolver.ts';
import type { MemoryBudget } from '../../src/proxy/memory-budget.ts';
import { ReadinessGate } from '../../src/proxy/readiness.ts';
import { RefusalHold } from '../../src/proxy/refusal-hold.ts';
import { RequestLifecycle } from '../../src/proxy/request-lifecycle.ts';
import { RestServer, type RestServerOptions } from '../../src/proxy/servers/http-server.ts';
import { openInferencePart } from '../../src/proxy/servers/open-inference-part.ts';
import type { Surface } from '../../src/proxy/servers/surface.ts';
import type { RequestRecord } from '../../src/telemetry/request-record.ts';
import { FakeClock } from './fake-clock.ts';
import { type OpenInferenceHarness, openInferenceOf } from './open-inference-parts.ts';
import { PuppetDirectory } from './puppet-models.ts';
import { RecordingTelemetry } from './recording-telemetry.ts';

export const MAX_BODY_BYTES = 1024 * 1024;
export const MAX_TIMEOUT_MS = 30_000;

export interface RestOptions {
  readonly maxBodyBytes?: number;
  readonly maxTimeoutMs?: number;
  readonly openInference?: Partial<OpenInferenceHarness>;
  /** What features add. Default: nothing. */
  readonly surfaces?: readonly Surface[];
  /** What else the server is told. */
  readonly server?: Partial<RestServerOptions>;
  /** Default: one without limits. */
  readonly memory?: MemoryBudget;
  /** Longest that a refusal for overload is held. Default: none is. */
  readonly refusalDelayMs?: number;
  /** What `/monitoring/prometheus/metrics` gives, or throws. */
  readonly metrics?: () => Promise<{ contentType: string; text: string }>;
}

export class RestHarness {
  readonly clock = new FakeClock();
  readonly models = new PuppetDirectory();
  readonly telemetry = new RecordingTelemetry({ isSampled: false });
  readonly internalErrors: unknown[] = [];
  readonly lifecycle: RequestLifecycle;
  readonly readiness = new ReadinessGate();
  readonly server: RestServer;
  /** As bound. */
  address = '';
  readonly #deadlines = new DeadlineTimer(this.clock);
  readonly #sockets = new Set<RawConnection>();
  readonly #ended: (() => void)[] = [];

  constructor(options: RestOptions = {}) {
    const telemetry = this.telemetry;
    this.lifecycle = new RequestLifecycle({
      clock: this.clock,
      deadlines: this.#deadlines,
      telemetry: {
        startTrace: (caller) => (caller === undefined ? undefined : telemetry.startTrace(caller)),
        startBatchTrace: (owner) => owner,
        recordBatch: () => undefined,
        recordRequest: (record) => {
          telemetry.recordRequest(record);
          for (const wake of this.#ended.splice(0)) wake();
        },
      },
      ...(options.refusalDelayMs !== undefined && {
        refusals: new RefusalHold({ clock: this.clock, deadlines: this.#deadlines, mostMs: options.refusalDelayMs }),
      }),
      maxTimeoutMs: { rest: options.maxTimeoutMs ?? MAX_TIMEOUT_MS, grpc: MAX_TIMEOUT_MS },
      ...(options.memory === undefined ? {} : { memory: options.memory }),
    });
    this.readiness.setModelsReady(true);
    const resolver = new ModelResolver(this.models);
    const maxBodyBytes = options.maxBodyBytes ?? MAX_BODY_BYTES;
    const openInference = openInferenceOf({
      ...{ models: this.models, lifecycle: this.lifecycle, readiness: this.readiness },
      ...options.openInference,
    });
    const inference = { openInference, resolver, maxTensorBytes: maxBodyBytes, thread: options.server?.thread };
    this.server = new RestServer({
      lifecycle: this.lifecycle,
      resolver,
      modelInfo: new ModelInfoHandler(this.models),
      surfaces: [{ rest: () => openInferencePart(inference) }, ...(options.surfaces ?? [])],
      metrics: options.metrics ?? (async () => ({ contentType: 'text/plain', text: 'up 1\n' })),
      maxBodyBytes,
      onInternalError: (error) => this.internalErrors.push(error),
      ...options.server,
    });
  }

  get records(): readonly RequestRecord[] {
    return this.telemetry.requests;
  }

  async listen(address = '127.0.0.1:0'): Promise<this> {
    this.address = await this.server.listen(address);
    return this;
  }

  get url(): string {
    return `http://${this.address}`;
  }

  async connect(): Promise<RawConnection> {
    const connection = new RawConnection(this.address);
    this.#sockets.add(connection);
    await connection.opened();
    return connection;
  }

  /** Resolves when `count` requests have ended. */
  async recorded(count: number): Promise<readonly RequestRecord[]> {
    while (this.records.length < count) await new Promise<void>((resolve) => this.#ended.push(resolve));
    return this.records;
  }

  async close(): Promise<void> {
    for (const connection of this.#sockets) connection.destroy();
    await this.server.close();
    this.#deadlines.close();
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
    this.socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake?.();
    });
    this.socket.on('close', () => {
      this.#isEnded = true;
      this.#wake?.();
    });
    this.socket.on('error', () => undefined);
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
