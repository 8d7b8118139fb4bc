/** Builds the model manager: how versions are loaded, logged and measured. */
import process from 'node:process';
import { describeSandbox } from '../../admin/describe-sandbox.ts';
import type { ProcessPlan } from '../../admin/models-report.ts';
import { ProcessGroups } from '../../backends/host/process/process-group.ts';
import { Sandbox, type SandboxMode } from '../../backends/host/sandbox/sandbox.ts';
import { checkBackendKind } from '../../backends/registry.ts';
import { runtimeVersions } from '../../backends/runtime-versions.ts';
import type { CodecThread } from '../../codec-thread/codec-thread.ts';
import { fileRoots } from '../../config/base-path.ts';
import { readFreeMemory } from '../../config/machine/free-memory.ts';
import type { Machine } from '../../config/machine/machine.ts';
import { residentBytes } from '../../config/machine/resident-memory.ts';
import { AUTO_RUNTIME, type HostChoice } from '../../config/model-config.ts';
import type { ServeOptions } from '../../config/options/serve-options.ts';
import type { ServeConfig } from '../../config/serve-config.ts';
import { systemClock } from '../../core/clock.ts';
import type { CoreBudget } from '../../core/core-budget.ts';
import { StateFiles } from '../../files/state-files.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import { DecisionStore } from '../../models/batching/decision-store.ts';
import { managerOptions } from '../../models/lifecycle/manager-options.ts';
import { logModelEvents } from '../../models/lifecycle/model-log.ts';
import { ModelManager } from '../../models/lifecycle/model-manager.ts';
import { FirstLoads } from '../../models/loading/first-loads.ts';
import { logGroupOutput, logHostEvents } from '../../models/loading/host-log.ts';
import { LatencyStore } from '../../models/loading/latency-store.ts';
import type { HostEvents, LoadServableOptions } from '../../models/loading/load-options.ts';
import { servableLoader } from '../../models/loading/load-servable.ts';
import { modelBatching, modelSessions, type ServerBatching } from '../../models/loading/model-batching.ts';
import type { LoadServable } from '../../models/loading/version-loader.ts';
import { memoryCheckedLoad } from '../../models/memory/memory-checked-load.ts';
import { describeMemory } from '../../models/memory/model-memory.ts';
import { processNeed } from '../../models/memory/process-memory.ts';
import type { Servable } from '../../models/serving/servable.ts';
import { artifactDirectory } from '../../models/triton/artifact-directory.ts';
import type { Records } from '../../proxy/records/records.ts';
import type { CoreSlots } from '../../scheduler/cores/core-slots.ts';
import type { SchedulerKind } from '../../scheduler/scheduler-options.ts';
import { EFFICIENT_SIZE_BYTES } from '../../scheduler/tuning.ts';
import { VERSION } from '../../version.ts';
import { slotsOf } from './cores.ts';
import type { Installer } from './installer.ts';

interface ModelParts {
  readonly config: ServeConfig;
  readonly machine: Machine;
  /** The cores that it may use. */
  readonly budget: CoreBudget;
  /** The run slots that all models share. */
  readonly coreSlots: CoreSlots;
  readonly logger: Logger;
  readonly telemetry: AppTelemetry;
  readonly records: Records;
  readonly thread: CodecThread;
  /** A version, or the list of models, has changed. */
  readonly onChange: () => void;
  readonly installed: Installer;
}

/** The part of the answer of GET /models that concerns the process. */
export function processPlan(options: ServeOptions, machine: Machine): ProcessPlan {
  const slots = slotsOf(options, machine.budgetCores);
  return {
    pid: process.pid,
    budget_cores: machine.budgetCores,
    slots,
    intra_op_threads: options.intra_op_threads,
    is_batching_enabled: options.enable_batching,
    max_batch_size: options.max_batch_size,
    batch_timeout_micros: options.batch_timeout_micros,
  };
}

export function createModels(parts: ModelParts): ModelManager {
  const { config, machine, logger, telemetry, records } = parts;
  const slots = slotsOf(config.options, machine.budgetCores);
  const sandbox = createSandbox(config.options, logger);
  const processGroups = new ProcessGroups(logGroupOutput(logger, systemClock));
  const help = 'Inputs of requests that wait, over all models.';
  telemetry.metrics.gauges.observe('pillion_queue_bytes', help, () => parts.coreSlots.queuedBytes);
  // Loads begin when the manager exists.
  const replace = (served: Servable, next: Servable): boolean => manager.replaceServable(served, next);
  const reserveSession: LoadServableOptions['reserveSession'] = (...version) => memory.reserveSession(...version);
  const memory = memoryCheckedLoad(
    countedLoad(createLoader(parts, { processGroups, sandbox, reserveSession }, replace), telemetry),
    {
      planOf: async (model, directory) => {
        const batching = await modelBatching(model, directory, serverBatching(config, machine));
        const { count } = await modelSessions(model.backend, directory, batching, model);
        const host = config.options.host as HostChoice;
        return {
          sessions: count,
          process: await processNeed(model, directory, host, processGroups, sandbox.isRequired),
        };
      },
      readFree: readFreeMemory,
      readResident: residentBytes,
      onLoaded: (servable) => logger.info(describeMemory(servable), 'memory of the model version'),
    },
  );
  const modelLog = logModelEvents(logger);
  const load = loadOfKinds(parts, memory.load, () => manager);
  const manager: ModelManager = new ModelManager({
    models: config.models,
    // An authorization file may let a caller know of some models alone, so no error names the others.
    namesModels: config.authorization === undefined,
    load: async (model, version, directory, signal) =>
      load(model, version, await artifactDirectory(model, directory, config.options), signal),
    checkMemory: async (model, version, directory) => {
      const artifact = await artifactDirectory(model, directory, config.options);
      const { kinds, fileKeys } = parts.installed.models;
      for (const kind of kinds) if (await kind.isOf(model, artifact, fileKeys)) return;
      await memory.check(model, version, artifact);
    },
    checkBackend: (kind) => (kind === AUTO_RUNTIME ? Promise.resolve() : checkBackendKind(kind)),
    clock: systemClock,
    reports: parts.installed.models.reports,
    versionReports: parts.installed.models.versionReports,
    observers: parts.installed.models.observers,
    sequencesOf: parts.installed.models.sequencesOf,
    events: {
      ...modelLog,
      onTransition: (...transition) => {
        modelLog.onTransition(...transition);
        parts.onChange();
      },
      onForgotten: (model, version) => telemetry.forgetVersion(model, version.toString()),
      onListed: (models) => {
        processGroups.configure(models);
        records.configure(models);
        for (const listener of parts.installed.models.onListed) listener(models);
        parts.onChange();
      },
    },
    ...managerOptions(config.options, { cores: machine.budgetCores, threadsPerLoad: slots }),
  });
  return manager;
}

/** Loads by `load` what no feature loads itself. */
function loadOfKinds(parts: ModelParts, load: LoadServable, models: () => ModelManager): LoadServable {
  const { config, machine, records, thread } = parts;
  const { kinds, layers, fileKeys } = parts.installed.models;
  const maxTensorBytes = config.options.max_message_bytes;
  const { scheduler } = serverBatching(config, machine);
  const of = { models, maxTensorBytes, thread, layers, fileKeys, prepare: records.prepare, scheduler };
  return kinds.reduce((inner, kind) => kind.around(inner, of), load);
}

function serverBatching(
  { options, origins }: Pick<ServeConfig, 'options' | 'origins'>,
  machine: Machine,
): ServerBatching & { readonly perModelFiles: boolean } {
  return {
    scheduler: {
      maxBatchSize: options.max_batch_size,
      mayBeLarger: origins.get('max_batch_size')?.kind === 'default' && options.allowed_batch_sizes.length === 0,
      batchTimeoutMicros: options.batch_timeout_micros,
      maxEnqueuedBatches: options.max_enqueued_batches,
      allowedBatchSizes: options.allowed_batch_sizes,
      kind: options.scheduler as SchedulerKind,
      sloMs: options.slo_ms || undefined,
      maxQueuedBytes: options.max_queued_mib * 2 ** 20 || usableMemoryBytes(machine) / 4,
      callerCoreShare: options.caller_core_share,
      batchMemoryBytes:
        options.batch_memory_mib * 2 ** 20 || Math.min(EFFICIENT_SIZE_BYTES, usableMemoryBytes(machine) / 16),
      readResident: () => residentBytes() ?? 0,
    },
    slots: options.num_batch_threads,
    mostSessions: machine.budgetCores + 1,
    isBatchingEnabled: options.enable_batching,
    isPadding: options.pad_variable_length_inputs,
    perModelFiles: options.enable_per_model_batching_parameters,
  };
}

/** Counts the attempts of `load`, with their outcome and time. */
function countedLoad(load: LoadServable, { metrics }: AppTelemetry): LoadServable {
  return async (model, version, directory, signal) => {
    const startedAt = systemClock.nowMs();
    const count = (status: 'success' | 'fail'): void =>
      metrics.tfServing.versions.recordLoad(directory, systemClock.nowMs() - startedAt, status);
    try {
      const servable = await load(model, version, directory, signal);
      count('success');
      return servable;
    } catch (error) {
      count('fail');
      throw error;
    }
  };
}

function createLoader(
  parts: ModelParts,
  processes: Pick<LoadServableOptions, 'processGroups' | 'sandbox' | 'reserveSession'>,
  replaceServable: NonNullable<LoadServableOptions['replaceServable']>,
): LoadServable {
  const { config, machine, budget, coreSlots, logger, telemetry, records } = parts;
  const { options } = config;
  const files = stateFiles(options);
  return servableLoader({
    clock: systemClock,
    telemetry,
    ...serverBatching(config, machine),
    coreSlots,
    latencies: new LatencyStore({
      files,
      clock: systemClock,
      logger,
      cpuModel: machine.cpuModel,
      threads: options.intra_op_threads || 1,
    }),
    layers: parts.installed.models.layers,
    loadSteps: parts.installed.models.steps,
    fileKeys: parts.installed.models.fileKeys,
    firstLoads: new FirstLoads({
      files,
      logger,
      cpuModel: machine.cpuModel,
      runtimes: JSON.stringify(runtimeVersions()),
      isServing: records.isServing,
    }),
    decisions: new DecisionStore({ files, logger, serverVersion: VERSION }),
    readRecorded: records.readRecorded,
    replaceServable,
    intraOpThreads: options.intra_op_threads,
    fileRoots: fileRoots(options, config.models),
    budget,
    host: options.host as HostChoice,
    onSpareCores: parts.installed.isOnSpareCores,
    processCeilingBytes: options.process_ceiling_mib * 2 ** 20 || usableMemoryBytes(machine) / 2,
    ...processes,
    events: hostEvents(logger, telemetry.metrics),
    maxTensorBytes: options.max_message_bytes,
    thread: parts.thread,
    isServing: records.isServing,
    chooseRuntime: parts.installed.models.chooseRuntime,
    prepare: records.prepare,
  });
}

function stateFiles({ state_dir: directory, min_free_disk_percent }: ServeOptions): StateFiles | undefined {
  if (directory === '') return undefined;
  return new StateFiles({ directory, clock: systemClock, minFreePercent: min_free_disk_percent });
}

/** Logs what models' processes are confined to, before the first of them. */
function createSandbox(options: ServeOptions, logger: Logger): Sandbox {
  return new Sandbox({
    mode: options.model_sandbox as SandboxMode,
    user: options.sandbox_user,
    environment: options.sandbox_env,
    readable: options.sandbox_read,
    onTried: (state) => {
      const { level, by, lacks } = state;
      logger.info({ event: 'sandbox', level, by, lacks }, `sandbox of models’ processes: ${describeSandbox(state)}`);
    },
  });
}

/** Events for the log; restarts are counted, too, and backends' own metrics kept. */
function hostEvents(logger: Logger, metrics: AppTelemetry['metrics']): HostEvents {
  const log = logHostEvents(logger, systemClock);
  return {
    ...log,
    onWorkerEvent: (model, version, event) => {
      log.onWorkerEvent(model, version, event);
      if (event.what === 'restarted') metrics.recordHostRestart(model, version.toString(), 'lost');
      else if (event.what === 'recycled') metrics.recordHostRestart(model, version.toString(), 'recycled');
    },
    onNotes: (model, version, notes) => {
      log.onNotes?.(model, version, notes);
      for (const note of notes) {
        if (note.kind === 'count') metrics.backends.count(model, version.toString(), note.name, note.amount);
        else if (note.kind === 'set') metrics.backends.set(model, version.toString(), note.name, note.value);
      }
    },
  };
}

function usableMemoryBytes({ memoryLimitBytes, totalMemoryBytes }: Machine): number {
  return Math.min(memoryLimitBytes ?? Infinity, totalMemoryBytes);
}
