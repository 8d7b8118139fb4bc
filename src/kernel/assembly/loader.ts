/** Builds the loader of versions: how each is opened, batched, warmed up, logged and measured. */
import { runtimeVersions } from '../../backends/runtime-versions.ts';
import type { CodecThread } from '../../codec-thread/codec-thread.ts';
import { fileRoots } from '../../config/base-path.ts';
import type { Machine } from '../../config/machine/machine.ts';
import { residentOutsideHeap } from '../../config/machine/resident-memory.ts';
import type { HostChoice } from '../../config/model-config.ts';
import type { ServeConfig } from '../../config/serve-config.ts';
import { systemClock } from '../../core/clock.ts';
import type { CoreBudget } from '../../core/core-budget.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import { FirstLoads } from '../../models/loading/first-loads.ts';
import { logHostEvents } from '../../models/loading/host-log.ts';
import { LatencyStore } from '../../models/loading/latency-store.ts';
import type { HostEvents, LoadServableOptions } from '../../models/loading/load-options.ts';
import { servableLoader } from '../../models/loading/load-servable.ts';
import type { ServerBatching } from '../../models/loading/model-batching.ts';
import type { LoadServable } from '../../models/loading/version-loader.ts';
import { logSweep } from '../../models/warm-up/sweep-log.ts';
import { type PrepareVersion, warmUp } from '../../models/warm-up/warm-up.ts';
import type { CoreSlots } from '../../scheduler/cores/core-slots.ts';
import type { SchedulerKind } from '../../scheduler/scheduler-options.ts';
import { EFFICIENT_SIZE_BYTES } from '../../scheduler/tuning.ts';
import { runPriorityOf } from './cores.ts';
import type { Installer } from './installer.ts';

export interface ModelParts {
  readonly config: ServeConfig;
  readonly machine: Machine;
  /** The cores that it may use. */
  readonly budget: CoreBudget;
  /** The run slots that all models share. */
  readonly coreSlots: CoreSlots;
  readonly logger: Logger;
  readonly telemetry: AppTelemetry;
  readonly thread: CodecThread;
  /** Models are being served already. */
  readonly isServing: () => boolean;
  /** A version, or the list of models, has changed. */
  readonly onChange: () => void;
  readonly installed: Installer;
}

export function createLoader(
  parts: ModelParts,
  processes: Pick<LoadServableOptions, 'processGroups' | 'sandbox' | 'reserveSession' | 'prepare'>,
  replaceServable: NonNullable<LoadServableOptions['replaceServable']>,
): LoadServable {
  const { config, machine, budget, coreSlots, logger, telemetry } = parts;
  const { options } = config;
  const files = parts.installed.stateFiles;
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
    backends: parts.installed.models.backends,
    fileKeys: parts.installed.models.fileKeys,
    firstLoads: new FirstLoads({
      files,
      logger,
      cpuModel: machine.cpuModel,
      runtimes: JSON.stringify(runtimeVersions()),
      isServing: parts.isServing,
    }),
    replaceServable,
    intraOpThreads: options.intra_op_threads,
    fileRoots: fileRoots(options.model_roots, config.models, parts.installed.models.takesLists),
    budget,
    host: options.host as HostChoice,
    runPriority: { onSpareCores: parts.installed.isOnSpareCores, isLow: runPriorityOf(options, machine) === 'low' },
    processCeilingBytes: options.process_ceiling_mib * 2 ** 20 || usableMemoryBytes(machine) / 2,
    ...processes,
    events: hostEvents(logger, telemetry.metrics),
    maxTensorBytes: options.max_message_bytes,
    thread: parts.thread,
    isServing: parts.isServing,
    chooseRuntime: parts.installed.models.chooseRuntime,
  });
}

export function serverBatching(
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
      isStrict: options.admission === 'strict',
      sloMs: options.slo_ms || undefined,
      maxQueuedBytes: options.max_queued_mib * 2 ** 20 || usableMemoryBytes(machine) / 4,
      callerCoreShare: options.caller_core_share,
      batchMemoryBytes:
        options.batch_memory_mib * 2 ** 20 || Math.min(EFFICIENT_SIZE_BYTES, usableMemoryBytes(machine) / 16),
      readResident: () => residentOutsideHeap() ?? 0,
    },
    slots: options.num_batch_threads,
    mostSessions: machine.budgetCores + 1,
    isBatchingEnabled: options.enable_batching,
    isPadding: options.pad_variable_length_inputs,
    perModelFiles: options.enable_per_model_batching_parameters,
  };
}

/** Warms versions up, then lets their requests be recorded. */
export function preparation({ config, logger, isServing, installed }: ModelParts): PrepareVersion {
  const { enable_model_warmup: isEnabled } = config.options;
  const onSwept = logSweep(logger);
  const prepare = warmUp({ clock: systemClock, steps: installed.models.steps, isEnabled, isServing, onSwept });
  return async (loaded) => {
    await prepare(loaded);
    loaded.servable.findings.samplePoint = installed.models.samplers.pointOf(loaded.servable.name);
  };
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
