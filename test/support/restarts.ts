/** A server that is restarted on its own ports, under clients of every surface. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigFiles } from './config-files.ts';
import { type EngineName, engineFlags } from './engine-names.ts';
import { RestartClients, type RestartRequest, type RestartTarget, type Tally } from './restart-clients.ts';
import { selfSigned } from './self-signed.ts';
import { type Sidecar, startSidecar } from './sidecar.ts';
import { restBytes } from './surface-clients.ts';
import { writeSurfaceModels } from './surface-models.ts';
import { floats, outputOf, predict } from './surface-request.ts';

const { rest: REST, grpc: GRPC } = predict({ model: 'float', inputs: { x: floats(1, 2, 3, 4) } });
export const RESTART_REQUESTS: Readonly<Record<RestartTarget['protocol'], RestartRequest>> = {
  rest: { bytes: restBytes(REST), isRight: (body) => body.toString() === '{"outputs":[[1.0,2.0,3.0,4.0]]}' },
  grpc: {
    bytes: Buffer.from(GRPC.message!),
    isRight: (message) => String(outputOf(message).values) === '1,2,3,4',
  },
};

export interface RestartOptions {
  readonly engine: EngineName;
  readonly hasTls: boolean;
  readonly restarts: number;
  /** Requests of all targets together. */
  readonly requestsPerSecond: number;
  readonly clientsPerTarget: number;
}

/** So much traffic of the wanted rate lies between a start and the next SIGTERM. */
const SERVING_S = 0.5;

/** Counts of the requests by target. Fails if a server does not end with 0. */
export async function restartUnderLoad(t: TestContext, options: RestartOptions): Promise<ReadonlyMap<string, Tally>> {
  const server = new RestartedServer(t, options);
  await server.start();
  const targets = server.targets();
  const periodMs = (1000 * targets.length * options.clientsPerTarget) / options.requestsPerSecond;
  const clients = targets.map(
    (target) => new RestartClients(target, RESTART_REQUESTS[target.protocol], options.clientsPerTarget, periodMs),
  );
  const answered = (): number => Math.min(...clients.map(({ tally }) => tally.answered));
  const rates: number[] = [];
  for (let i = 0; i <= options.restarts; i++) {
    const enough = answered() + (SERVING_S * options.requestsPerSecond) / targets.length;
    const since = performance.now();
    while (answered() < enough) await delay(10);
    rates.push((1000 * SERVING_S * options.requestsPerSecond) / (performance.now() - since));
    if (i < options.restarts) await server.restart();
  }
  await Promise.all(clients.map((each) => each.stop()));
  await server.stop();
  t.diagnostic(`requests a second between the restarts: ${rates.map(Math.round).join(' ')}`);
  return new Map(clients.map(({ target, tally }) => [target.name, tally]));
}

class RestartedServer {
  readonly #args: readonly string[];
  readonly #directory: string;
  readonly #cert: string | undefined;
  readonly #ended: Promise<void>[] = [];
  #ports: readonly string[] = [];
  #sidecar: Sidecar | undefined;

  constructor(t: TestContext, { engine, hasTls }: RestartOptions) {
    const files = new ConfigFiles(t);
    const { key, cert } = selfSigned();
    const tls = [`--tls_key_file=${files.write('tls.key', key)}`, `--tls_cert_file=${files.write('tls.crt', cert)}`];
    const sockets = ['rest', 'grpc'].map((name) => `--${name}_socket_path=${join(files.directory, `${name}.sock`)}`);
    const models = writeSurfaceModels(files.directory, ['float']);
    this.#directory = files.directory;
    this.#cert = hasTls ? cert : undefined;
    this.#args = [...models, ...sockets, ...(hasTls ? tls : []), ...engineFlags(engine), '--num_batch_threads=1'];
  }

  async start(): Promise<void> {
    this.#sidecar = await startSidecar([...this.#args, ...this.#ports]);
    const port = (address: string): string => address.slice(address.lastIndexOf(':') + 1);
    this.#ports = [`--port=${port(this.#sidecar.grpc)}`, `--rest_api_port=${port(this.#sidecar.rest)}`];
  }

  /** The next server starts while the one before it drains. */
  async restart(): Promise<void> {
    const before = this.#sidecar!;
    before.process.kill('SIGTERM');
    await before.line(({ event }) => event === 'draining');
    this.#ended.push(this.#ends(before));
    await this.start();
  }

  async stop(): Promise<void> {
    const last = this.#sidecar!;
    last.process.kill('SIGTERM');
    await Promise.all([...this.#ended, this.#ends(last)]);
  }

  targets(): readonly RestartTarget[] {
    const { grpc, rest } = this.#sidecar!;
    const suffix = this.#cert === undefined ? '' : ' over TLS';
    const ca = this.#cert;
    return [
      { name: `REST${suffix}`, protocol: 'rest', address: rest.slice('http://'.length), ca },
      { name: `gRPC${suffix}`, protocol: 'grpc', address: grpc, ca },
      { name: 'REST on a Unix socket', protocol: 'rest', address: `unix:${join(this.#directory, 'rest.sock')}` },
      { name: 'gRPC on a Unix socket', protocol: 'grpc', address: `unix:${join(this.#directory, 'grpc.sock')}` },
    ];
  }

  async #ends({ exited, lines, output }: Sidecar): Promise<void> {
    assert.equal(await exited, 0, output());
    assert.deepEqual(
      lines.filter(({ level }) => level === 'error' || level === 'fatal'),
      [],
    );
  }
}
