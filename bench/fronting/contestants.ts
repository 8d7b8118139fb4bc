/** Servers that may stand in front of the application: nothing, Pillion, or Envoy as meshes have it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/free-port.ts';
import { LAUNCH_FLAGS } from '../support/launcher.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';

export interface Contestant {
  readonly name: string;
  /** The address that clients ask. */
  readonly url: string;
  readonly server: ServerProcess;
}

/** `main`: the built server. */
export async function startPillion(appPort: number, model: string, main = 'dist/bundle/main.cjs'): Promise<Contestant> {
  const server = await startServer({
    name: 'pillion',
    args: [...LAUNCH_FLAGS, main, 'serve', `--model=${model}`, `--app=http://127.0.0.1:${appPort}`, ...PORTS],
    isReady: (line) => line['event'] === 'ready',
  });
  const [address] = (server.ready as unknown as { rest: string[] }).rest;
  return { name: 'pillion', server, url: `http://${address!.replace(/^.*:/, '127.0.0.1:')}/items/42` };
}

const PORTS = ['--port=0', '--rest_api_port=0', '--admin_port=0'];

/** One worker thread, as sidecars have in Istio on a pod with a core or less; `program`: Envoy's. */
export async function startEnvoy(appPort: number, program: string): Promise<Contestant> {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-envoy-'));
  const port = await freePort();
  const config = join(directory, 'envoy.json');
  writeFileSync(config, JSON.stringify(envoyConfig(port, appPort)));
  const args = ['--config-path', config, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning'];
  const server = await startServer({ name: 'envoy', program, args });
  const url = `http://127.0.0.1:${port}/items/42`;
  try {
    await untilItAnswers(server, url);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return { name: 'envoy', server, url };
}

async function untilItAnswers(server: ServerProcess, url: string): Promise<void> {
  const patience = AbortSignal.timeout(10_000);
  for (;;) {
    const isThere = await fetch(url).then(
      (answer) => answer.arrayBuffer().then(() => answer.ok),
      () => false,
    );
    if (isThere) return;
    if (patience.aborted) throw new Error(`envoy does not answer:\n${server.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function envoyConfig(port: number, appPort: number): object {
  const type = 'type.googleapis.com/envoy';
  const at = (port_value: number): object => ({ socket_address: { address: '127.0.0.1', port_value } });
  const manager = {
    '@type': `${type}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    codec_type: 'AUTO',
    stat_prefix: 'ingress',
    route_config: {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } }] },
      ],
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': `${type}.extensions.filters.http.router.v3.Router` },
      },
    ],
  };
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: manager };
  const endpoint = { endpoint: { address: at(appPort) } };
  return {
    static_resources: {
      listeners: [{ name: 'ingress', address: at(port), filter_chains: [{ filters: [filter] }] }],
      clusters: [
        {
          ...{ name: 'app', type: 'STATIC', connect_timeout: '1s' },
          load_assignment: { cluster_name: 'app', endpoints: [{ lb_endpoints: [endpoint] }] },
        },
      ],
    },
  };
}
