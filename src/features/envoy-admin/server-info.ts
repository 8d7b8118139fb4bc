/** GET /server_info: the server in the form of Envoy's `envoy.admin.v3.ServerInfo`, where its fields have a meaning. */
import type { ServeConfig } from '../../config/serve-config.ts';
import type { Readiness } from '../../proxy/readiness.ts';
import { VERSION } from '../../version.ts';
import { withoutSecrets } from './config-dump.ts';

export interface ServerFacts {
  readonly config: ServeConfig;
  readonly readiness: Readiness;
  readonly uptimeMs: number;
  readonly hostname: string;
  /** process.versions. */
  readonly versions: Readonly<Record<string, string | undefined>>;
  /** Versions of the runtimes of models that are installed, by package. */
  readonly runtimes: Readonly<Record<string, string>>;
}

export function serverInfo({ config, readiness, uptimeMs, hostname, versions, runtimes }: ServerFacts): object {
  const uptime = `${Math.floor(uptimeMs / 1000)}s`;
  const given = Object.entries(config.options).filter(([name]) => config.origins.get(name)?.kind === 'flag');
  return {
    version: VERSION,
    state: stateOf(readiness),
    uptime_current_epoch: uptime,
    uptime_all_epochs: uptime,
    hot_restart_version: 'disabled',
    command_line_options: withoutSecrets(Object.fromEntries(given)),
    node: { id: hostname, user_agent_name: 'pillion', user_agent_version: VERSION },
    node_version: versions['node'],
    v8_version: versions['v8'],
    openssl_version: versions['openssl'],
    runtimes,
  };
}

function stateOf({ missing, isReady, hasStarted }: Readiness): string {
  if (missing === 'draining') return 'DRAINING';
  if (isReady) return 'LIVE';
  return hasStarted ? 'INITIALIZING' : 'PRE_INITIALIZING';
}
