/**
 * A well-behaved client beside an attack or a fault: small requests at an even rate, whether the ones before were
 * answered or not. Latency counts from the moment at which a request was due.
 *
 *     const neighbour = new Neighbour([restClient(url, body), grpcClient(address, message)], { perSecond: 100 });
 *     …
 *     const { sent, failures, p99 } = await neighbour.stop();
 */
import { Agent, request } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import { quantile } from '../../bench/support/statistics.ts';
import { openSession, rawCall } from './raw-grpc.ts';

export interface NeighbourClient {
  /** Resolves with OK, or in a few words with what was heard instead. Never rejects. */
  ask(): Promise<string>;
  close(): void;
}

export interface NeighbourOptions {
  readonly perSecond: number;
  /** It sends no more than these. Default: it sends until `stop`. */
  readonly total?: number;
  /** An answer after so long is heard as "late". */
  readonly patienceMs?: number;
}

export interface NeighbourResult {
  readonly sent: number;
  readonly answered: number;
  /** Requests that were not answered well, by what was heard. */
  readonly failures: Readonly<Record<string, number>>;
  /** Latencies of good answers in ms; NaN if there is none. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export const OK = 'ok';
const PREDICT = '/tensorflow.serving.PredictionService/Predict';
/** A busy machine is no failure: latencies tell of it. */
const PATIENCE_MS = 30_000;

export class Neighbour {
  readonly #clients: readonly NeighbourClient[];
  readonly #options: Required<NeighbourOptions>;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #open = new Set<Promise<void>>();
  readonly #latencies: number[] = [];
  readonly #failures: Record<string, number> = {};
  #sent = 0;
  #resolve: () => void = () => undefined;
  readonly #hasSentAll = new Promise<void>((resolve) => {
    this.#resolve = resolve;
  });

  /** Sends the first request at once. The clients are asked in turn; it closes them at its end. */
  constructor(clients: readonly NeighbourClient[], options: NeighbourOptions) {
    this.#clients = clients;
    this.#options = { total: Infinity, patienceMs: PATIENCE_MS, ...options };
    this.#timer = setInterval(() => this.#sendDue(), 1);
    this.#sendDue();
  }

  /** Resolves when `total` requests were sent, and each was answered or given up. */
  async end(): Promise<NeighbourResult> {
    await this.#hasSentAll;
    return this.stop();
  }

  /** Sends no more. Resolves when each request was answered or given up. */
  async stop(): Promise<NeighbourResult> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    for (const client of this.#clients) client.close();
    const at = (share: number): number => quantile(this.#latencies, share);
    const [sent, answered, failures] = [this.#sent, this.#latencies.length, this.#failures];
    return { sent, answered, failures, p50: at(0.5), p99: at(0.99), max: at(1) };
  }

  #sendDue(): void {
    const { perSecond, total } = this.#options;
    const due = ((performance.now() - this.#startedAt) * perSecond) / 1000;
    for (; this.#sent < total && this.#sent <= due; this.#sent++) {
      this.#ask(this.#clients[this.#sent % this.#clients.length]!, this.#startedAt + (this.#sent * 1000) / perSecond);
    }
    if (this.#sent === total) this.#resolve();
  }

  #ask(client: NeighbourClient, dueAt: number): void {
    const asked = within(this.#options.patienceMs, client.ask()).then((heard) => {
      if (heard === OK) this.#latencies.push(performance.now() - dueAt);
      else this.#failures[heard] = (this.#failures[heard] ?? 0) + 1;
      this.#open.delete(asked);
    });
    this.#open.add(asked);
  }
}

function within(ms: number, asked: Promise<string>): Promise<string> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms, 'late');
    void asked.then((heard) => {
      clearTimeout(timer);
      resolve(heard);
    });
  });
}

/**
 * Posts `body`; a good answer has status 200, and is `answer` as JSON where that is given. Fails as the status or the
 * error's code.
 */
export function restClient(url: string, body: string, answer?: string): NeighbourClient {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 64 });
  const headers = { 'content-length': body.length };
  const ask = (): Promise<string> =>
    new Promise((resolve) => {
      const fail = (error: NodeJS.ErrnoException): void => resolve(error.code ?? error.message);
      const call = request(url, { agent, method: 'POST', headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('error', fail);
        response.on('end', () => {
          if (response.statusCode !== 200) resolve(String(response.statusCode));
          else if (answer === undefined || JSON.stringify(JSON.parse(text)) === answer) resolve(OK);
          else resolve(`wrong answer ${text}`);
        });
      });
      call.on('error', fail);
      call.end(body);
    });
  return { ask, close: () => agent.destroy() };
}

/** Calls Predict with the message, which has its gRPC prefix. Fails as "grpc 8 …", or with the error's text. */
export function grpcClient(
  address: string,
  message: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): NeighbourClient {
  let session: ClientHttp2Session | undefined;
  const ask = async (): Promise<string> => {
    // Clients make a new connection when the server has ended the last.
    if (session === undefined || session.closed || session.destroyed) {
      session = openSession(address);
      session.on('error', () => undefined);
    }
    try {
      const { grpcStatus, grpcMessage } = await rawCall(session, PREDICT, message, headers);
      return grpcStatus === 0 ? OK : `grpc ${grpcStatus} ${grpcMessage.slice(0, 60)}`;
    } catch (error) {
      return String(error);
    }
  };
  return { ask, close: () => session?.destroy() };
}
