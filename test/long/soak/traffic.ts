/** Callers of every kind for hours: good ones, whose every answer counts, and such as leave, stammer or lie. */
import { Buffer } from 'node:buffer';
import { Agent, request } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { answerOf, frame, openCall, openSession, reset } from '../../support/raw-grpc.ts';
import { bytesField, shape, varintField } from '../../support/wire-fragments.ts';

export interface Addresses {
  /** "host:port" */
  readonly grpc: string;
  /** "http://host:port" */
  readonly rest: string;
  readonly admin: string;
}

/** What became of requests, by kind of caller and status. */
export type Counts = Record<string, number>;

const PREDICT = '/tensorflow.serving.PredictionService/Predict';
const DIGIT = new Array<number>(64).fill(0.5);
/** 2,000 rows: they come in several pieces, and make several batches. */
const LARGE = JSON.stringify({ instances: new Array(2000).fill(DIGIT) });
const PAUSE_MS = 8;

export class SoakTraffic {
  readonly counts: Counts = {};
  readonly #to: Addresses;
  readonly #over: AbortSignal;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 });

  constructor(to: Addresses, over: AbortSignal) {
    this.#to = to;
    this.#over = over;
  }

  /** Resolves when the signal has come and the last answers are there. */
  async run(): Promise<void> {
    const small = JSON.stringify({ instances: [DIGIT] });
    const callers = [
      ...Array.from({ length: 4 }, () => this.#every(PAUSE_MS, () => this.#post('good rest', 'digits', small))),
      ...Array.from({ length: 2 }, () =>
        this.#every(PAUSE_MS, () => this.#post('good rest', 'half', '{"instances":[1]}')),
      ),
      this.#every(PAUSE_MS, () => this.#post('apart', 'apart', '{"instances":[1]}')),
      this.#every(500, () => this.#post('good large', 'digits', LARGE)),
      this.#every(50, () => this.#post('bad json', 'digits', '{"instances":[[1,2')),
      this.#every(50, () => this.#post('no model', 'none', small)),
      ...Array.from({ length: 4 }, () => this.#grpcCaller()),
      this.#every(40, () => this.#leave()),
      this.#every(3000, () => this.#lookAround()),
    ];
    await Promise.all(callers);
    this.#agent.destroy();
  }

  async #every(ms: number, call: () => Promise<void>): Promise<void> {
    while (!this.#over.aborted) {
      await call();
      await pause(ms, undefined, { signal: this.#over }).catch(() => undefined);
    }
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  #post(kind: string, model: string, body: string): Promise<void> {
    return new Promise((resolve) => {
      const done = (status: number | string): void => {
        this.#count(`${kind}: ${status}`);
        resolve();
      };
      const url = `${this.#to.rest}/v1/models/${model}:predict`;
      const headers = { 'content-length': Buffer.byteLength(body) };
      const call = request(url, { method: 'POST', agent: this.#agent, headers }, (answer) => {
        answer.on('end', () => done(answer.statusCode!)).resume();
      });
      call.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
      call.end(body);
    });
  }

  /** One connection for a while: good calls, calls that are reset, messages that are none. */
  async #grpcCaller(): Promise<void> {
    while (!this.#over.aborted) {
      const session = openSession(this.#to.grpc);
      session.on('error', () => undefined);
      for (let i = 0; i < 500 && !this.#over.aborted; i++) {
        if (i % 50 === 7) await this.#resetOne(session);
        else if (i % 50 === 9) await this.#call(session, 'bad grpc', Buffer.of(0xff, 0xff));
        else await this.#call(session, 'good grpc', HALF_OF_THREE);
        await pause(PAUSE_MS);
      }
      session.close();
    }
  }

  async #call(session: ClientHttp2Session, kind: string, message: Buffer): Promise<void> {
    const stream = openCall(session, PREDICT, { 'grpc-timeout': '5S' });
    stream.end(frame(message));
    const status = await answerOf(stream).then(
      ({ grpcStatus }) => grpcStatus,
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    );
    this.#count(`${kind}: ${status}`);
  }

  async #resetOne(session: ClientHttp2Session): Promise<void> {
    const stream = openCall(session, PREDICT);
    stream.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => {
      stream.once('close', () => resolve());
    });
    stream.write(frame(HALF_OF_THREE).subarray(0, 9));
    await pause(1);
    reset(stream);
    await closed;
    this.#count('reset grpc');
  }

  /** A connection that begins a request and goes away. */
  #leave(): Promise<void> {
    return new Promise((resolve) => {
      const { hostname, port } = new URL(this.#to.rest);
      const socket = connect(Number(port), hostname, () => {
        socket.write('POST /v1/models/digits:predict HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{"inst');
        setTimeout(() => socket.destroy(), 5);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#count('left');
        resolve();
      });
    });
  }

  /** What operators and scrapers read. */
  async #lookAround(): Promise<void> {
    for (const path of ['/models', '/requests', '/metrics', '/ready']) {
      const status = await fetch(this.#to.admin + path).then(
        async (answer) => {
          await answer.arrayBuffer();
          return answer.status;
        },
        () => 'no answer',
      );
      this.#count(`admin ${path}: ${status}`);
    }
  }
}

/** A Predict of `half` with one value. */
const HALF_OF_THREE = Buffer.concat([
  bytesField(1, bytesField(1, 'half')),
  bytesField(
    2,
    Buffer.concat([
      bytesField(1, 'x'),
      bytesField(
        2,
        Buffer.concat([varintField(1, 1), bytesField(2, shape(1)), bytesField(5, Buffer.of(0, 0, 64, 64))]),
      ),
    ]),
  ),
]);
