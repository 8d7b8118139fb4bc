/** Builds the operators' server: its reports, recordings, profiles and the console. */
import { AdminServer } from '../admin/admin-server.ts';
import { ArrivalsEndpoint } from '../admin/arrivals-endpoint.ts';
import { callersReport, type ReportedCallers } from '../admin/callers-report.ts';
import { Explainer } from '../admin/explain/explainer.ts';
import { modelsReport } from '../admin/models-report.ts';
import type { Operators } from '../admin/operators.ts';
import type { PodLife } from '../admin/pod-life.ts';
import { ProfileEndpoint } from '../admin/profile/profile-endpoint.ts';
import { Profiler } from '../admin/profile/profiler.ts';
import { RecordEndpoint } from '../admin/record-endpoint.ts';
import { RequestsEndpoint } from '../admin/requests-endpoint.ts';
import { readFreeMemory } from '../config/machine/free-memory.ts';
import { systemClock } from '../core/clock.ts';
import type { HeadroomMeter } from '../proxy/load/headroom-meter.ts';
import type { ConnectionGate } from '../proxy/net/connection-gate.ts';
import type { ReadinessGate } from '../proxy/readiness.ts';
import type { Records } from '../proxy/records/records.ts';
import { type ConsoleParts, createConsole } from './console.ts';
import { processPlan } from './models.ts';

interface AdminParts extends Omit<ConsoleParts, 'explainer'> {
  readonly readiness: ReadinessGate;
  readonly records: Records;
  readonly gate: ConnectionGate;
  readonly callers: ReportedCallers;
  readonly operators: Operators;
  /** What readiness waits for, beside the models: one line each. */
  readonly appWaits: () => readonly string[];
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
  const waitsFor = (): readonly string[] => [...models.waitsFor(), ...parts.appWaits()];
  const { taps, counters, payloads } = records;
  const record = new RecordEndpoint({ clock: systemClock, taps, counters, models: modelNames });
  const servables = () => models.servables();
  const profiler = new Profiler({ clock: systemClock, telemetry, servables, readFree: readFreeMemory });
  const profile = new ProfileEndpoint({ profiler, models: modelNames });
  const explainer = createExplainer(parts);
  const server = new AdminServer({
    ...{ readiness, record, profile, gate, operators, life, onInternalError },
    waitsFor,
    models: () => {
      const plan = processPlan(config.options, machine);
      return { ...modelsReport(models, readiness.isReady, plan, explainer.look()), waits_for: waitsFor() };
    },
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
