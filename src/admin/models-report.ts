/**
 * What GET /models tells: each model's versions, their states and errors, and of those that are loaded the memory and the
 * queue. A snapshot, made when asked; sizes are bytes. What was not measured is left out, never 0.
 */
import { workingBytes } from '../models/model-memory.ts';
import type { Servable, VersionStatus } from '../models/servable.ts';

/** The part of ModelManager that is reported. */
export interface ReportedModels {
  readonly modelNames: readonly string[];
  servables(): Iterable<Servable>;
  status(name: string, choice: Record<string, never>): readonly VersionStatus[];
}

/** For JSON. Models in the manager's order, versions highest first; a version is text, for it may pass 2^53. */
export function modelsReport(models: ReportedModels, isReady: boolean, waitsFor: readonly string[]) {
  const loaded = [...models.servables()];
  return {
    ready: isReady,
    waits_for: waitsFor,
    models: models.modelNames.map((name) => {
      const own = loaded.filter((servable) => servable.name === name);
      const statuses = [...models.status(name, {})].sort((a, b) => Number(b.version > a.version) * 2 - 1);
      return { name, versions: statuses.map((status) => versionReport(status, own)) };
    }),
  };
}

function versionReport({ version, state, error }: VersionStatus, loaded: readonly Servable[]) {
  const servable = loaded.find((one) => one.version === version);
  return {
    version: version.toString(),
    state,
    error: error === undefined ? undefined : { kind: error.kind, message: error.message },
    ...(servable === undefined ? {} : loadedReport(servable)),
  };
}

function loadedReport({ memory, runner }: Servable) {
  return {
    memory: memory && {
      artifact_bytes: memory.artifactBytes,
      sessions: memory.sessions,
      resident_bytes: memory.residentBytes,
      working_bytes: workingBytes(memory),
    },
    queue: { rows: runner.queuedRows, tasks: runner.queuedTasks, running_batches: runner.runningBatches },
  };
}
