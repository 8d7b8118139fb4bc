/**
 * GET /models: each model's versions, their states and errors, and for loaded ones their host, memory and queue. It is
 * a snapshot, made on demand. Sizes are bytes. A value that was not measured is left out, never 0.
 */

import type { SandboxState } from '../backends/host/process/sandbox.ts';
import { type ToldColumns, toldColumns } from '../core/columns/told-columns.ts';
import { ServingError } from '../core/errors.ts';
import type { SessionPlan } from '../core/executor.ts';
import type { BatchAxis } from '../core/signature.ts';
import { type ModelMemory, workingBytes } from '../models/memory/model-memory.ts';
import type { BreakerState } from '../models/serving/breaker.ts';
import type { ServableHost, SharedProcesses } from '../models/serving/load-findings.ts';
import {
  type Servable,
  sharedProcesses,
  type VersionLoad,
  type VersionState,
  type VersionStatus,
} from '../models/serving/servable.ts';
import { SHARING } from '../models/serving/sharing-findings.ts';
import type { VersionChoice } from '../models/versions/version-choice.ts';
import type { LatencySeed } from '../models/warm-up/batch-sweep.ts';
import type { Explain, Explanation } from './explanation.ts';
import { omitUndefined } from './omit-undefined.ts';
import { type RuntimeReport, runtimeReport, type ShadowReport } from './runtime-report.ts';

/** The part of ModelManager that is reported. */
export interface ReportedModels {
  readonly modelNames: readonly string[];
  servables(): Iterable<Servable>;
  status(name: string, choice: VersionChoice): readonly VersionStatus[];
  /** The models that the start still waits for, one line each. */
  waitsFor(): readonly string[];
  /** Did an operator unload it? */
  isUnloadedByOperator(name: string, version: bigint): boolean;
  /** Did an operator load it, beside the version policy? */
  isLoadedByOperator(name: string, version: bigint): boolean;
  /** The features' reports about a model, by key. Absent = nothing. */
  reportOf?(name: string): Readonly<Record<string, unknown>>;
  /** The same of a version. */
  versionReportOf?(servable: Servable): Readonly<Record<string, unknown>>;
  /** Its load that is under way. */
  loadOf(name: string, version: bigint): VersionLoad | undefined;
}

/** The settings of the process that its speed depends on. */
export interface ProcessPlan {
  readonly pid: number;
  /** Cores that the plan assumes. */
  readonly budget_cores: number;
  /** Threads that compute at the same time, over all models. */
  readonly slots: number;
  /** Threads of one run; 0 = chosen for each batch. */
  readonly intra_op_threads: number;
  readonly is_batching_enabled: boolean;
  readonly max_batch_size: number;
  readonly batch_timeout_micros: number;
}

export interface ModelsReport {
  readonly ready: boolean;
  readonly plan: ProcessPlan;
  readonly waits_for: readonly string[];
  /** Models in the order of the configuration. */
  readonly models: readonly ModelReport[];
  /** Processes that models share. Absent: there are none. */
  readonly process_groups?: readonly ProcessGroupReport[];
}

export interface ProcessGroupReport {
  readonly name: string;
  /** More than one while it is replaced, or if its models do not fit into one. */
  readonly processes: readonly {
    readonly pid?: number;
    readonly resident_bytes?: number;
    /** One name for each session, loading ones included. */
    readonly models: readonly string[];
  }[];
}

export interface ModelReport {
  readonly name: string;
  /** Why there are no versions. */
  readonly error?: string;
  /** Parts of features, by their keys. */
  readonly [key: string]: unknown;
  /** Highest first. */
  readonly versions: readonly VersionReport[];
}

export interface SignatureReport {
  readonly name: string;
  /** dynamic: requests share batches; fixed: batches have one size; none: each request runs alone. */
  readonly batch_axis: BatchAxis['kind'];
  /** The reason for the batch axis. */
  readonly reason?: string;
  /** A change by the model's owner that lets requests share batches. */
  readonly fix?: string;
  /** Why the batch axis that the owner has declared is wrong. */
  readonly disproof?: string;
  /** Whether requests of different lengths share runs, and why. Absent = they are not to, or rows have one shape. */
  /** Rows are padded up to the length `up_to`. */
  readonly padding?: { readonly is_on: boolean; readonly up_to: number; readonly reason: string };
}

/** Median run time of a size of batch that was measured at load. */
export interface SweepReport {
  readonly signature: string;
  readonly rows: number;
  /** The size of its free dims beside the batch in that run; a request's may be larger, and take longer. */
  readonly free_dims?: number;
  readonly run_ms: number;
}

/** Bound and forecast are of the last seconds and minutes, of an available version. */
export interface VersionReport extends Explanation {
  /** Text, since it may exceed 2^53. */
  readonly version: string;
  readonly state: VersionState;
  readonly error?: { readonly kind: string; readonly message: string };
  /** An operator has unloaded it; it stays unloaded until an operator loads it. */
  readonly left_out?: true;
  readonly runtime?: RuntimeReport;
  readonly shadow?: ShadowReport;
  /** An operator has loaded it, against the version policy; it stays loaded until an operator unloads it. */
  readonly brought_in?: true;
  /**
   * It is being loaded, for the first time or again beside the one that answers. `last_failure` is the error of the
   * last attempt; the load will be retried.
   */
  readonly load?: {
    readonly state: VersionState;
    readonly last_failure?: { readonly kind: string; readonly message: string };
  };
  readonly host?: {
    readonly kind: string;
    readonly reason: string;
    /** Open sessions, by the threads of their runs. */
    readonly sessions?: readonly SessionPlan[];
    readonly restarts?: number;
    /** Memory of its own processes. */
    readonly resident_bytes?: number;
    /** The sandbox of its processes, and what they can still do. Absent: it runs in the server's process. */
    readonly sandbox?: SandboxState;
    /** The group whose process it shares: see process_groups. */
    readonly process_group?: string;
  };
  /** Warnings for an operator while it is served, each as "finding; what helps". */
  readonly warnings?: readonly string[];
  /** How its tensors are served otherwise than the model's file has them. */
  readonly notes?: readonly string[];
  /** The names and categories of the columns of its inputs, where its file tells them. */
  readonly columns?: ToldColumns;
  /** `reason` says why it is not closed. */
  readonly breaker?: { readonly state: BreakerState; readonly reason?: string };
  readonly signatures?: readonly SignatureReport[];
  readonly memory?: {
    readonly artifact_bytes: number;
    /** Copies in memory now: all open sessions, whatever their threads. */
    readonly sessions: number;
    /** Memory that the load took; `working_bytes` is the part of it that was not weights. */
    readonly resident_bytes?: number;
    readonly working_bytes?: number;
  };
  readonly sweep?: readonly SweepReport[];
  readonly queue?: { readonly rows: number; readonly tasks: number; readonly running_batches: number };
}

export const explainNothing: Explain = () => ({});

/** `explain` gives the explanations of one look. */
export function modelsReport(
  models: ReportedModels,
  isReady: boolean,
  plan: ProcessPlan,
  explain: Explain = explainNothing,
): ModelsReport {
  const groups = sharedProcesses(models.servables()).map(groupReport);
  return omitUndefined({
    ready: isReady,
    plan,
    waits_for: models.waitsFor(),
    models: models.modelNames.map((name) => modelReport(name, models, explain)),
    process_groups: groups.length > 0 ? groups : undefined,
  });
}

/** The report of one configured model. */
export function modelReport(name: string, models: ReportedModels, explain = explainNothing): ModelReport {
  try {
    const loaded = [...models.servables()].filter((servable) => servable.name === name);
    const versions = models.status(name, {});
    return omitUndefined({
      name,
      ...models.reportOf?.(name),
      versions: versions.map((status) => versionReport(name, status, { loaded, models, explain })),
    });
  } catch (error) {
    if (!(error instanceof ServingError)) throw error;
    return { name, error: error.message, versions: [] };
  }
}

function versionReport(
  name: string,
  { version, state, error }: VersionStatus,
  { loaded, models, explain }: { loaded: readonly Servable[]; models: ReportedModels; explain: Explain },
): VersionReport {
  // A version that has ended and come back has several states; only the available one is loaded.
  const servable = state === 'AVAILABLE' ? loaded.find((one) => one.version === version) : undefined;
  return omitUndefined({
    version: version.toString(),
    state,
    error: error && errorReport(error),
    ...(servable && loadedReport(servable, models)),
    ...(servable && explain(servable)),
    left_out: models.isUnloadedByOperator(name, version) || undefined,
    brought_in: models.isLoadedByOperator(name, version) || undefined,
    load: loadReport(models.loadOf(name, version)),
  });
}

function errorReport({ kind, message }: ServingError): { readonly kind: string; readonly message: string } {
  return { kind, message };
}

function loadReport(load: VersionLoad | undefined): VersionReport['load'] {
  return load && omitUndefined({ state: load.state, last_failure: load.lastFailure && errorReport(load.lastFailure) });
}

function groupReport({ name, processes }: SharedProcesses): ProcessGroupReport {
  return {
    name,
    processes: processes.map(({ pid, residentBytes, models }) =>
      omitUndefined({ pid, resident_bytes: residentBytes, models }),
    ),
  };
}

function loadedReport(servable: Servable, models: ReportedModels): Partial<VersionReport> {
  const { runner, signatures, notes } = servable;
  const { runtime, host, breaker, memory, latencySeeds, warnings } = servable.findings;
  return omitUndefined({
    warnings: warnings.length > 0 ? [...warnings] : undefined,
    notes: notes.length > 0 ? [...notes] : undefined,
    columns: toldColumns(signatures),
    runtime: runtime && runtimeReport(runtime),
    ...models.versionReportOf?.(servable),
    host: host && hostReport(host),
    breaker: breaker && omitUndefined({ state: breaker.state, reason: breaker.reason || undefined }),
    signatures: [...signatures].map(([name, { batchAxis }]) => signatureReport(name, batchAxis, servable)),
    memory: memory && memoryReport(memory, servable.sessions),
    sweep: latencySeeds.length > 0 ? latencySeeds.map(sweepReport) : undefined,
    queue: { rows: runner.queuedRows, tasks: runner.queuedTasks, running_batches: runner.runningBatches },
  });
}

function signatureReport(name: string, { kind, reason, fix }: BatchAxis, { facts }: Servable): SignatureReport {
  const found = facts.get(SHARING);
  const padding = found?.paddings.get(name);
  return omitUndefined({
    name,
    batch_axis: kind,
    reason,
    fix,
    disproof: found?.disproofs.get(name),
    padding: padding && { is_on: padding.isOn, up_to: padding.most, reason: padding.reason },
  });
}

function hostReport(host: ServableHost): VersionReport['host'] {
  const { kind, reason, sessions, restarts, residentBytes, sandbox, processGroup } = host;
  return omitUndefined({
    kind,
    reason,
    sessions,
    restarts,
    resident_bytes: residentBytes,
    sandbox,
    process_group: processGroup?.name,
  });
}

function memoryReport(memory: ModelMemory, sessions: number): VersionReport['memory'] {
  return omitUndefined({
    artifact_bytes: memory.artifactBytes,
    sessions,
    resident_bytes: memory.residentBytes,
    working_bytes: workingBytes(memory),
  });
}

function sweepReport({ signatureName, rows, length, runMs }: LatencySeed): SweepReport {
  const sorted = [...runMs].sort((a, b) => a - b);
  return omitUndefined({ signature: signatureName, rows, free_dims: length, run_ms: sorted[sorted.length >> 1]! });
}
