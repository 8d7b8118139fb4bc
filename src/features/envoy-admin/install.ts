/** GET /server_info, /config_dump, /stats and /logging, and POST /logging. */
import { hostname } from 'node:os';
import process from 'node:process';
import { jsonPath, send } from '../../admin/admin-path.ts';
import { runtimeVersions } from '../../backends/runtime-versions.ts';
import type { Installation } from '../../kernel/installation.ts';
import type { Metrics } from '../../ledger/metrics/metrics.ts';
import { sampleText } from '../../ledger/metrics/sample-text.ts';
import { configDump } from './config-dump.ts';
import { logPaths } from './log-level.ts';
import { serverInfo } from './server-info.ts';
import { statsPage } from './stats-page.ts';

export function installEnvoyAdmin({ config, clock, logger, readiness, telemetry, adminPaths }: Installation): void {
  adminPaths(({ models }) => {
    const startedAt = clock.nowMs();
    const facts = { config, readiness, hostname: hostname(), versions: process.versions, runtimes: runtimeVersions() };
    const info = (): object => serverInfo({ ...facts, uptimeMs: clock.nowMs() - startedAt });
    const configured = () => models.modelNames.flatMap((name) => models.configOf(name) ?? []);
    const dump = (): object => configDump(config, configured());
    return [
      jsonPath('/server_info', 'version, state, uptime, given options, runtimes', info),
      jsonPath('/config_dump', 'the effective configuration, each value with its source; no secrets', dump),
      {
        ...{ method: 'GET', path: '/stats' },
        says: 'all metrics, one a line: ?filter=REGEX, ?format=json, ?format=prometheus',
        async answer({ query, response }) {
          const page = statsPage(await metricsText(telemetry.metrics), query);
          if ('status' in page) return page;
          send(response, page.contentType, page.text);
          return undefined;
        },
      },
      ...logPaths(logger),
    ];
  });
}

async function metricsText(metrics: Metrics): Promise<string> {
  const families = await metrics.snapshots(true);
  return families.flatMap(({ name, values }) => values.map((sample) => `${sampleText(name, sample)}\n`)).join('');
}
