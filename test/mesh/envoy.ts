/** A real Envoy in front of sidecars, on free ports, ended by the test that started it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { tempDirectory } from '../support/temp-directory.ts';
import { type EnvoyOptions, envoyConfig } from './envoy-config.ts';

/** Between two looks at Envoy's admin interface. It has no way to wait for a change. */
const LOOK_MS = 20;
const PATIENCE_MS = 20_000;

export interface Envoy {
  /** "127.0.0.1:port" of the listener. */
  readonly address: string;
  /** A counter or gauge by its full name; 0 where Envoy has not made it yet. */
  stat(name: string): Promise<number>;
  /** The weight of each host of a cluster; 1 where nothing is known of any. */
  weights(cluster: string): Promise<readonly number[]>;
  /** Resolves with whatever `look` gives, once that is not undefined. */
  until<T>(what: string, look: () => Promise<T | undefined>): Promise<T>;
  /** Resolves when so many hosts of each cluster are healthy, as Envoy's own checks have it. */
  untilHealthy(hosts: { readonly grpc: number; readonly rest: number }): Promise<void>;
}

/** Resolves when every host of both clusters is healthy, or as many as `healthy` says. */
export async function startEnvoy(
  t: Pick<TestContext, 'after'>,
  options: EnvoyOptions,
  healthy = { grpc: options.grpc.length, rest: options.rest.length },
): Promise<Envoy> {
  const envoy = await runEnvoy(t, envoyConfig(options));
  await envoy.untilHealthy(healthy);
  return envoy;
}

/** Resolves when its listener, which is called ingress, takes connections. */
export async function runEnvoy(t: Pick<TestContext, 'after'>, config: object): Promise<Envoy> {
  const program = process.env['PILLION_TEST_ENVOY'];
  if (program === undefined) throw new Error('PILLION_TEST_ENVOY is not set: run `npm test -- envoy`');
  const directory = tempDirectory(t);
  const adminFile = join(directory, 'admin');
  const configFile = join(directory, 'envoy.json');
  writeFileSync(configFile, JSON.stringify(config));
  const args = ['--config-path', configFile, '--admin-address-path', adminFile, '--disable-hot-restart'];
  const child = spawn(program, [...args, '--concurrency', '1', '--log-level', 'warning'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const log: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => log.push(text));
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  t.after(() => {
    child.kill('SIGKILL');
    return exited;
  });
  const until = patience(child, log);
  const admin = await until('its admin address', async () => readIfThere(adminFile));
  const read = async (path: string): Promise<string> => (await fetch(`http://${admin}${path}`)).text();
  const stat = async (name: string): Promise<number> => {
    const { stats } = JSON.parse(await read(`/stats?format=json&filter=^${name}$`)) as { stats: { value: number }[] };
    return stats[0]?.value ?? 0;
  };
  const weights = async (cluster: string): Promise<readonly number[]> => {
    const all = JSON.parse(await read('/clusters?format=json')) as Clusters;
    return all.cluster_statuses.find(({ name }) => name === cluster)!.host_statuses.map(({ weight }) => weight);
  };
  const untilHealthy: Envoy['untilHealthy'] = async (hosts) => {
    for (const [cluster, count] of Object.entries(hosts)) {
      await until(`${count} healthy hosts of ${cluster}`, async () =>
        (await stat(`cluster.${cluster}.membership_healthy`)) === count ? true : undefined,
      );
    }
  };
  // Its address is known before it listens.
  await until('its workers', async () => ((await stat('listener_manager.workers_started')) === 1 ? true : undefined));
  const address = await until('its listener', async () => (await read('/listeners')).match(/ingress::(\S+)/)?.[1]);
  return { address, stat, weights, until, untilHealthy };
}

interface Clusters {
  readonly cluster_statuses: readonly {
    readonly name: string;
    readonly host_statuses: readonly { readonly weight: number }[];
  }[];
}

function patience(child: ChildProcess, log: readonly string[]): Envoy['until'] {
  return async (what, look) => {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (signal.aborted || child.exitCode !== null) throw new Error(`Envoy: waited for ${what}\n${log.join('')}`);
      await pause(LOOK_MS);
    }
  };
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8') || undefined;
  } catch {
    return undefined;
  }
}
