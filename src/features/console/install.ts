/** The console's paths: its live numbers, its playground and its facts about the server. */
import { hostname } from 'node:os';
import process from 'node:process';
import { PAGE_FOR_PEOPLE } from '../../admin/admin-path.ts';
import type { Explain } from '../../admin/explanation.ts';
import { systemClock } from '../../core/clock.ts';
import type { AdminParts, Installation } from '../../kernel/installation.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import type { ModelManager } from '../../models/lifecycle/model-manager.ts';
import type { Servable } from '../../models/serving/servable.ts';
import { stalledRun } from '../../models/serving/stalled-run.ts';
import { VERSION } from '../../version.ts';
import { FLIGHT_RECORDER } from '../flight-recorder/flight-recorder.ts';
import { consolePaths } from './console.ts';
import { CpuMeter } from './cpu-meter.ts';
import { LiveFeed } from './live-feed.ts';
import { type LiveTick, liveVersion, type QueueReport, quietVersion } from './live-report.ts';
import { LiveStats } from './live-stats.ts';
import { Playground } from './playground.ts';
import { podNames } from './pod-names.ts';
import { reportPaths } from './report-paths.ts';
import { countStart, type Starts } from './starts.ts';

export function installConsole(server: Installation): void {
  const starts = startsOf(server);
  server.facts.set(PAGE_FOR_PEOPLE, '/');
  server.adminPaths((parts) => {
    const about = aboutOf(server, parts, starts);
    const { restMethod } = parts;
    const { inference_path_prefix: prefix } = server.config.options;
    const own = { feed: feedOf(server, parts), playground: playgroundOf(server, parts), restMethod, prefix, about };
    return [...consolePaths(own), ...reportPaths(server.reports)];
  });
}

function feedOf({ clock, reports, telemetry }: Installation, parts: AdminParts): LiveFeed {
  const cpu = new CpuMeter();
  const live = new LiveStats();
  let stopCounting: (() => void) | undefined;
  return new LiveFeed({
    clock,
    watch: (isWatched) => {
      stopCounting?.();
      live.take();
      stopCounting = isWatched ? telemetry.follow(live) : undefined;
      cpu.restart();
      for (const report of reports) report.watch?.(isWatched);
    },
    tick: tickMaker(telemetry, parts, live, cpu),
  });
}

function playgroundOf({ config, facts }: Installation, parts: AdminParts): Playground {
  const { lifecycle, onInternalError } = parts;
  return new Playground({
    ...{ lifecycle, onInternalError },
    recorder: facts.get(FLIGHT_RECORDER)!,
    maxBodyBytes: config.options.max_message_bytes,
  });
}

/** Counts the start, beside it. Returns what it has found; undefined until then, or if nobody counts. */
function startsOf({ clock, logger, service, stateFiles }: Installation): () => Starts | undefined {
  let starts: Starts | undefined;
  if (stateFiles === undefined) return () => undefined;
  let counting: Promise<void> | undefined;
  service({
    start: () => {
      counting = countStart(stateFiles, clock).then(
        (counted) => {
          starts = counted;
        },
        (error: unknown) => logger.warn({ event: 'start_not_counted', err: error }, 'this start is not counted'),
      );
    },
    close: () => counting,
  });
  return () => starts;
}

/** The JSON of GET /about. */
function aboutOf(server: Installation, parts: AdminParts, starts: () => Starts | undefined) {
  const { config, clock, environment, access } = server;
  const { addresses, slots, restMethod } = parts;
  const { options } = config;
  const startedAtMs = clock.wallMs();
  const names = { host: hostname(), ...podNames(environment) };
  return (): object => ({
    version: VERSION,
    ...names,
    ...starts(),
    node: process.versions.node,
    started_at_ms: startedAtMs,
    ...addresses(),
    ...(options.inference_path_prefix !== '' && { inference_path_prefix: options.inference_path_prefix }),
    rest_is_tls: config.isRestTls,
    grpc_is_tls: config.tls !== undefined,
    wants_key: access !== undefined,
    has_open_inference: hasPath(restMethod, `${options.inference_path_prefix}/v2`),
    slots,
    scheduler: options.scheduler,
    max_batch_size: options.max_batch_size,
    ...(options.slo_ms > 0 && { slo_ms: options.slo_ms }),
  });
}

function hasPath(restMethod: AdminParts['restMethod'], path: string): boolean {
  try {
    return restMethod('GET', path) !== undefined;
  } catch {
    return false;
  }
}

function tickMaker(
  telemetry: AppTelemetry,
  { models, lifecycle, look }: AdminParts,
  live: LiveStats,
  cpu: CpuMeter,
): (spanMs: number) => LiveTick {
  let states = '';
  let revision = 0;
  return (spanMs) => {
    telemetry.settle();
    const now = statesOf(models);
    if (now !== states) revision += 1;
    states = now;
    return {
      at_ms: Math.round(systemClock.wallMs()),
      span_ms: Math.round(spanMs),
      in_flight: lifecycle.inFlight,
      cpu_cores: cpu.read(spanMs),
      models_revision: revision,
      versions: versionsOf(live, [...models.servables()], look()),
    };
  };
}

function versionsOf(live: LiveStats, servables: readonly Servable[], explain: Explain): LiveTick['versions'] {
  const key = (model: string, version: string): string => `${version} ${model}`;
  const loaded = new Map(servables.map((each) => [key(each.name, each.version.toString()), each]));
  const counted = live.take();
  const active = new Set(counted.map(({ model, version }) => key(model, version)));
  const quiet = servables.filter(({ name, version }) => !active.has(key(name, version.toString())));
  return [
    ...counted.map((counts) => {
      const servable = loaded.get(key(counts.model, counts.version));
      return { ...liveVersion(counts, servable && queueOf(servable)), ...(servable && explain(servable)) };
    }),
    ...quiet.map((each) => ({
      ...quietVersion(each.name, each.version.toString(), queueOf(each)),
      ...explain(each),
    })),
  ];
}

function queueOf({ runner }: Servable): QueueReport {
  const stalled = stalledRun(runner, systemClock.nowMs());
  const { ms = 0, expectedMs } = stalled ?? {};
  return {
    ...{ rows: runner.queuedRows, tasks: runner.queuedTasks, running_batches: runner.runningBatches },
    ...(stalled && { stalled: { ms, ...(expectedMs !== undefined && { expected_ms: expectedMs }) } }),
  };
}

/** The states of all versions as a text: it changes when the answer of GET /models changes. */
function statesOf(models: ModelManager): string {
  return models.modelNames.map((name) => `${name}: ${models.versionStates(name)}`).join('\n');
}
