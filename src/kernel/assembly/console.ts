/** Builds the console's paths: its live numbers, its playground and its facts about the server. */
import process from 'node:process';
import type { AdminPath } from '../../admin/admin-path.ts';
import { consolePaths } from '../../admin/console.ts';
import { CpuMeter } from '../../admin/cpu-meter.ts';
import type { Explain } from '../../admin/explanation.ts';
import { LiveFeed } from '../../admin/live-feed.ts';
import { type LiveTick, liveVersion, type QueueReport, quietVersion } from '../../admin/live-report.ts';
import { Playground } from '../../admin/playground.ts';
import type { ServeConfig } from '../../config/serve-config.ts';
import { systemClock } from '../../core/clock.ts';
import type { ModelManager } from '../../models/lifecycle/model-manager.ts';
import type { Servable } from '../../models/serving/servable.ts';
import { LiveStats } from '../../telemetry/metrics/live-stats.ts';
import type { AppTelemetry } from '../../telemetry/telemetry.ts';
import { VERSION } from '../../version.ts';
import type { AdminParts } from '../installation.ts';
import { slotsOf } from './cores.ts';

export interface ConsoleParts extends AdminParts {
  readonly config: ServeConfig;
  readonly telemetry: AppTelemetry;
}

export function createConsole(parts: ConsoleParts): readonly AdminPath[] {
  const { config, lifecycle, thread, resolver, telemetry, onInternalError } = parts;
  const { options } = config;
  const startedAtMs = systemClock.wallMs();
  const cpu = new CpuMeter();
  const live = new LiveStats();
  let stopCounting: (() => void) | undefined;
  const feed = new LiveFeed({
    clock: systemClock,
    watch: (isWatched) => {
      stopCounting?.();
      live.take();
      stopCounting = isWatched ? telemetry.follow(live) : undefined;
      cpu.restart();
    },
    tick: tickMaker(parts, live, cpu),
  });
  const playground = new Playground({
    lifecycle,
    thread,
    resolver,
    recorder: telemetry.flights,
    maxBodyBytes: options.max_message_bytes,
    onInternalError,
  });
  const about = () => ({
    version: VERSION,
    node: process.versions.node,
    started_at_ms: startedAtMs,
    ...parts.addresses(),
    ...(options.inference_path_prefix !== '' && { inference_path_prefix: options.inference_path_prefix }),
    rest_is_tls: config.isRestTls,
    grpc_is_tls: config.tls !== undefined,
    slots: slotsOf(options, parts.machine.budgetCores),
    scheduler: options.scheduler,
    max_batch_size: options.max_batch_size,
    ...(options.slo_ms > 0 && { slo_ms: options.slo_ms }),
  });
  return consolePaths({ feed, playground, about });
}

function tickMaker(
  { models, lifecycle, look, telemetry }: ConsoleParts,
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
  return { rows: runner.queuedRows, tasks: runner.queuedTasks, running_batches: runner.runningBatches };
}

/** The states of all versions as a text: it changes when the answer of GET /models changes. */
function statesOf(models: ModelManager): string {
  return models.modelNames.map((name) => `${name}: ${models.versionStates(name)}`).join('\n');
}
