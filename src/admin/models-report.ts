/**
 * What GET /models tells: each model's versions, their states and errors, and of those that are loaded where they run, what
 * memory they take, what waits for them. A snapshot, made when asked; sizes are bytes. What was not measured is left out,
 * never 0.
 */
import { ServingError } from '../core/errors.ts';
import type { BreakerState } from '../models/breaker.ts';
import { workingBytes } from '../models/model-memory.ts';
import type { Servable, ServableHost, VersionState, VersionStatus } from '../models/servable.ts';
import type { VersionChoice } from '../models/servable-directory.ts';

/** The part of ModelManager that is reported. */
export interface ReportedModels {
  readonly modelNames: readonly string[];
  servables(): Iterable<Servable>;
  status(name: string, choice: VersionChoice): readonly VersionStatus[];
  /** What the start still waits for, a line each. */
  waitsFor(): readonly string[];
}

export interface ModelsReport {
  readonly ready: boolean;
  readonly waits_for: readonly string[];
  /** In the order of the configuration. */
  readonly models: readonly ModelReport[];
}

export interface ModelReport {
  readonly name: string;
  /** Why there are no versions. */
  readonly error?: string;
  /** Highest first. */
  readonly versions: readonly VersionReport[];
}

export interface VersionReport {
  /** As text: it may pass 2^53. */
  readonly version: string;
  readonly state: VersionState;
  readonly error?: { readonly kind: string; readonly message: string };
  readonly host?: {
    readonly kind: string;
    readonly reason: string;
    readonly restarts?: number;
    /** Of its own processes. */
    readonly resident_bytes?: number;
  };
  /** `reason` is why it is not closed. */
  readonly breaker?: { readonly state: BreakerState; readonly reason?: string };
  readonly memory?: {
    readonly artifact_bytes: number;
    readonly sessions: number;
    readonly resident_bytes?: number;
    readonly working_bytes?: number;
  };
  /** Median run of each size of batch that was tried when it loaded. */
  readonly sweep?: readonly { readonly signature: string; readonly rows: number; readonly run_ms: number }[];
  readonly queue?: { readonly rows: number; readonly tasks: number; readonly running_batches: number };
}

export function modelsReport(models: ReportedModels, isReady: boolean): ModelsReport {
  const loaded = [...models.servables()];
  return {
    ready: isReady,
    waits_for: models.waitsFor(),
    models: models.modelNames.map((name) =>
      modelReport(
        name,
        models,
        loaded.filter((servable) => servable.name === name),
      ),
    ),
  };
}

function modelReport(name: string, models: ReportedModels, loaded: readonly Servable[]): ModelReport {
  try {
    return { name, versions: models.status(name, {}).map((status) => versionReport(status, loaded)) };
  } catch (error) {
    if (!(error instanceof ServingError)) throw error;
    return { name, error: error.message, versions: [] };
  }
}

function versionReport({ version, state, error }: VersionStatus, loaded: readonly Servable[]): VersionReport {
  // An ended life of a number that has come back is not the one that is loaded.
  const servable = state === 'AVAILABLE' ? loaded.find((one) => one.version === version) : undefined;
  return {
    version: version.toString(),
    state,
    ...(error !== undefined && { error: { kind: error.kind, message: error.message } }),
    ...(servable !== undefined && loadedReport(servable)),
  };
}

function hostReport({ kind, reason, restarts, residentBytes }: ServableHost): NonNullable<VersionReport['host']> {
  return {
    kind,
    reason,
    ...(restarts !== undefined && { restarts }),
    ...(residentBytes !== undefined && { resident_bytes: residentBytes }),
  };
}

function loadedReport({ host, breaker, memory, runner, latencySeeds }: Servable): Partial<VersionReport> {
  const working = memory && workingBytes(memory);
  return {
    ...(host !== undefined && { host: hostReport(host) }),
    ...(breaker !== undefined && {
      breaker: { state: breaker.state, ...(breaker.reason !== '' && { reason: breaker.reason }) },
    }),
    ...(memory !== undefined && {
      memory: {
        artifact_bytes: memory.artifactBytes,
        sessions: memory.sessions,
        ...(memory.residentBytes !== undefined && { resident_bytes: memory.residentBytes }),
        ...(working !== undefined && { working_bytes: working }),
      },
    }),
    ...(latencySeeds.length > 0 && {
      sweep: latencySeeds.map(({ signatureName, rows, runMs }) => {
        const sorted = [...runMs].sort((a, b) => a - b);
        return { signature: signatureName, rows, run_ms: sorted[sorted.length >> 1]! };
      }),
    }),
    queue: { rows: runner.queuedRows, tasks: runner.queuedTasks, running_batches: runner.runningBatches },
  };
}
