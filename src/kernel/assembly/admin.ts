/** Builds the operators' server: its reports, recordings, profiles and the console. */
import { hostname } from 'node:os';
import process from 'node:process';
import { AdminServer } from '../../admin/admin-server.ts';
import { ArrivalsEndpoint } from '../../admin/arrivals-endpoint.ts';
import { callersReport, type ReportedCallers } from '../../admin/callers-report.ts';
import { Explainer } from '../../admin/explain/explainer.ts';
import { modelsReport } from '../../admin/models-report.ts';
import type { Operators } from '../../admin/operators.ts';
import type { PodLife } from '../../admin/pod-life.ts';
import { ProfileEndpoint } from '../../admin/profile/profile-endpoint.ts';
import { Profiler } from '../../admin/profile/profiler.ts';
import { RecordEndpoint } from '../../admin/record-endpoint.ts';
import { RequestsEndpoint } from '../../admin/requests-endpoint.ts';
import { configDump } from '../../admin/server/config-dump.ts';
import { type ServerFacts, serverInfo } from '../../admin/server/server-info.ts';
import { runtimeVersions } from '../../backends/runtime-versions.ts';
import { readFreeMemory } from '../../config/machine/free-memory.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import { systemClock } from '../../core/clock.ts';
import type { ModelManager } from '../../models/lifecycle/model-manager.ts';
import type { HeadroomMeter } from '../../proxy/load/headroom-meter.ts';
import type { ConnectionGate } from '../../proxy/net/connection-gate.ts';
import type { ReadinessGate } from '../../proxy/readiness.ts';
import type { Records } from '../../proxy/records/records.ts';
import type { RootLogger } from '../../telemetry/log/log.ts';
import { type ConsoleParts, createConsole } from './console.ts';
import { processPlan } from './models.ts';

interface AdminParts extends Omit<ConsoleParts, 'explainer' | 'logger'> {
  readonly logger: RootLogger;
  readonly readiness: ReadinessGate;
  readonly records: Records;
  readonly gate: ConnectionGate;
  readonly callers: ReportedCallers;
  readonly operators: Operators;
  /** What readiness waits for, beside the models: one line each. */
  readonly othersWait: () => readonly string[];
  readonly life: PodLife;
  readonly headroom: HeadroomMeter;
  /** Cores that runs may take now, over all models. */
  readonly runCores: () => number;
}

export interface Admin {
  readonly server: AdminServer;
  /** Ends recordings and profiles in progress, whose clients keep what they have. */
  readonly drain: () => void;
}

export function createAdmin(parts: AdminParts): Admin {
  const { operators, life, headroom } = parts;
  const { config, machine, models, records, callers, readiness, telemetry, gate, onInternalError } = parts;
  const modelNames = (): readonly string[] => models.modelNames;
  const waitsFor = (): readonly string[] => [...models.waitsFor(), ...parts.othersWait()];
  const { taps, counters, payloads } = records;
  const record = new RecordEndpoint({ clock: systemClock, taps, counters, models: modelNames });
  const servables = () => models.servables();
  const profiler = new Profiler({ clock: systemClock, telemetry, servables, readFree: readFreeMemory });
  const profile = new ProfileEndpoint({ profiler, models: modelNames });
  const explainer = createExplainer(parts);
  const startedAt = systemClock.nowMs();
  const server = new AdminServer({
    ...{ readiness, record, profile, gate, operators, life, onInternalError },
    waitsFor,
    models: () => {
      const plan = processPlan(config.options, machine);
      return { ...modelsReport(models, readiness.isReady, plan, explainer.look()), waits_for: waitsFor() };
    },
    serverInfo: () => serverInfo({ config, readiness, ...hostFacts(), uptimeMs: systemClock.nowMs() - startedAt }),
    configDump: () => configDump(config, configured(models)),
    log: parts.logger,
    headroom: () => headroom.read(true),
    callers: () => callersReport(callers, systemClock.nowMs()),
    metrics: (page) => telemetry.metrics.page(page),
    arrivals: new ArrivalsEndpoint({ ring: telemetry.arrivals, clock: systemClock }),
    requests: new RequestsEndpoint({ recorder: telemetry.flights, clock: systemClock, payloads }),
    console: createConsole({ ...parts, explainer }),
  });
  const drain = (): void => {
    record.drain();
    profile.drain();
  };
  return { server, drain };
}

/** The models as they are configured now. */
function configured(models: ModelManager): readonly ModelConfig[] {
  return models.modelNames.map((name) => models.configOf(name)).filter((model) => model !== undefined);
}

function hostFacts(): Pick<ServerFacts, 'hostname' | 'versions' | 'runtimes'> {
  return { hostname: hostname(), versions: process.versions, runtimes: runtimeVersions() };
}

function createExplainer({ config, machine, models, telemetry, runCores }: AdminParts): Explainer {
  const { slo_ms, enable_batching } = config.options;
  return new Explainer({
    clock: systemClock,
    recent: telemetry.recent,
    servables: () => models.servables(),
    sloMsOf: (model) => models.configOf(model)?.sloMs ?? (slo_ms || undefined),
    runCores,
    cores: machine.budgetCores,
    isBatching: enable_batching,
  });
}
