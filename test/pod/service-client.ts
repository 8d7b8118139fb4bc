/**
 * A client in another pod, with the part of a Service's proxy in it: each request goes to the next of the addresses that the
 * Service's EndpointSlices called ready some seconds ago, over connections that it keeps. It never asks twice.
 */
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { KubeObject, Watch } from './watch.ts';

const PORT = 8501;
/** A client that waits longer has given up. */
const PATIENCE_MS = 5000;
/** Until a change of the endpoints has reached the last proxy of a large cluster. */
const LAG_MS = 4000;
const PREDICT = JSON.stringify({ instances: [Array(64).fill(0)] });

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly version: string | undefined;
}

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
  /** Pods that have answered. */
  readonly answered: ReadonlySet<string>;
  stop(): Promise<void>;
}

/** Asks the model and the application in turn, `rate` times a second. */
export function startServiceClient(slices: Watch, rate: number): ServiceClient {
  let sent = 0;
  let isStopped = false;
  const failures: string[] = [];
  const answered = new Set<string>();
  const agent = new Agent({ keepAlive: true });
  let addresses = readyAddresses([...slices.objects.values()]);
  slices.follow((all) => {
    const next = readyAddresses(all);
    void pause(LAG_MS).then(() => (addresses = next));
  });
  const send = async (turn: number): Promise<void> => {
    const address = addresses[turn % Math.max(addresses.length, 1)];
    if (address === undefined) return void failures.push('no endpoint is ready');
    const isModel = turn % 4 < 2;
    try {
      const { status, text } = await (isModel ? predict(address, agent) : ask(address, `/${turn}`, undefined, agent));
      if (status !== 200 || (!isModel && text !== `the application: /${turn}\n`)) failures.push(`${status}: ${text}`);
      answered.add(address);
    } catch (error) {
      failures.push(`${address}, request ${turn}: ${(error as Error).message}`);
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
    agent.destroy();
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
