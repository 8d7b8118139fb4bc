/**
 * A client in another pod, with the part of a Service's proxy in it: each request goes to the next of the addresses that the
 * Service's EndpointSlices called ready some seconds ago, over connections that it keeps. It never asks twice.
 *
 * It asks the model and the application, both in HTTP/1.1 and in HTTP/2: KINDS in turn.
 */
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { type Answer, PATIENCE_MS } from './answer.ts';
import { Http2Client } from './http2-client.ts';
import type { KubeObject, Watch } from './watch.ts';

const PORT = 8501;
/** Until a change of the endpoints has reached the last proxy of a large cluster. */
const LAG_MS = 4000;
const PREDICT = JSON.stringify({ instances: [Array(64).fill(0)] });

export function ask(address: string, path: string, body?: string, agent?: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      host: address,
      port: PORT,
      path,
      method: body === undefined ? 'GET' : 'POST',
      timeout: PATIENCE_MS,
    };
    const asked = request({ ...options, ...(agent && { agent }) }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part) => (text += part));
      answer.once('error', reject);
      const version = answer.headers['x-pillion-model-version'] as string | undefined;
      answer.once('end', () => resolve({ status: answer.statusCode!, text, version }));
    });
    asked.once('timeout', () => asked.destroy(new Error(`no answer in ${PATIENCE_MS} ms`)));
    asked.once('error', reject);
    asked.end(body);
  });
}

/** To the model. */
export const predict = (address: string, agent?: Agent): Promise<Answer> =>
  ask(address, '/v1/models/digits:predict', PREDICT, agent);

function readyAddresses(slices: readonly KubeObject[]): string[] {
  return slices
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions.ready)
    .flatMap(({ addresses }) => addresses);
}

export interface ServiceClient {
  readonly sent: number;
  readonly failures: readonly string[];
  /** Pods that have answered, each with the kinds of requests: "10.88.0.7 gRPC". */
  readonly answered: ReadonlySet<string>;
  stop(): Promise<void>;
}

/** Of requests. */
export const KINDS = ['REST', 'gRPC', 'fronted HTTP/1.1', 'fronted HTTP/2'] as const;
type Kind = (typeof KINDS)[number];

/** Over connections of its own. */
class Requests {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #http2 = new Http2Client();

  /** Rejects, or resolves with what is wrong with the answer. */
  async send(kind: Kind, address: string, turn: number): Promise<string | undefined> {
    const { status, text } = await this.#ask(kind, address, turn);
    const isRight = /^fronted/.test(kind) ? text === `the application: /${turn}\n` : text !== '';
    return status === 200 && isRight ? undefined : `${status}: ${text}`;
  }

  #ask(kind: Kind, address: string, turn: number): Promise<Answer> {
    if (kind === 'REST') return predict(address, this.#agent);
    if (kind === 'gRPC') return this.#http2.predict(address);
    if (kind === 'fronted HTTP/2') return this.#http2.ask(address, `/${turn}`);
    return ask(address, `/${turn}`, undefined, this.#agent);
  }

  close(): void {
    this.#agent.destroy();
    this.#http2.close();
  }
}

/** Sends requests of all kinds in turn, `rate` in a second. */
export function startServiceClient(slices: Watch, rate: number): ServiceClient {
  let sent = 0;
  let isStopped = false;
  const failures: string[] = [];
  const answered = new Set<string>();
  const requests = new Requests();
  let addresses = readyAddresses([...slices.objects.values()]);
  slices.follow((all) => {
    const next = readyAddresses(all);
    void pause(LAG_MS).then(() => (addresses = next));
  });
  const send = async (turn: number): Promise<void> => {
    const address = addresses[turn % Math.max(addresses.length, 1)];
    if (address === undefined) return void failures.push('no endpoint is ready');
    // Two in a row, for the two pods.
    const kind = KINDS[(turn >> 1) % KINDS.length]!;
    try {
      const wrong = await requests.send(kind, address, turn);
      if (wrong !== undefined) failures.push(`${kind} of ${address}, request ${turn}: ${wrong}`);
      answered.add(`${address} ${kind}`);
    } catch (error) {
      failures.push(`${kind} of ${address}, request ${turn}: ${(error as Error).message}`);
    }
  };
  const loop = async (): Promise<void> => {
    const pending = new Set<Promise<void>>();
    while (!isStopped) {
      const sending = send(sent++).finally(() => pending.delete(sending));
      pending.add(sending);
      await pause(1000 / rate);
    }
    await Promise.all(pending);
    requests.close();
  };
  const done = loop();
  return {
    get sent() {
      return sent;
    },
    failures,
    answered,
    stop: () => {
      isStopped = true;
      return done;
    },
  };
}
