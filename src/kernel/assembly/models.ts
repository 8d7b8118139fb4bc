/** Builds the model manager: how versions are loaded, logged and measured. */
import process from 'node:process';
import type { ProcessPlan } from '../../admin/models-report.ts';
import { ProcessGroups } from '../../backends/host/process/process-group.ts';
import { readFreeMemory } from '../../config/machine/free-memory.ts';
import type { Machine } from '../../config/machine/machine.ts';
import { residentBytes } from '../../config/machine/resident-memory.ts';
import type { HostChoice } from '../../config/model-config.ts';
import type { ServeOptions } from '../../config/options/serve-options.ts';
import { systemClock } from '../../core/clock.ts';
import { managerOptions } from '../../models/lifecycle/manager-options.ts';
import { logModelEvents } from '../../models/lifecycle/model-log.ts';
import { ModelManager } from '../../models/lifecycle/model-manager.ts';
import { logGroupOutput } from '../../models/loading/host-log.ts';
import type { LoadServableOptions } from '../../models/loading/load-options.ts';
import { modelBatching, modelSessions } from '../../models/loading/model-batching.ts';
import type { LoadServable } from '../../models/loading/version-loader.ts';
import { memoryCheckedLoad } from '../../models/memory/memory-checked-load.ts';
import { describeMemory } from '../../models/memory/model-memory.ts';
import { processNeed } from '../../models/memory/process-memory.ts';
import type { Servable } from '../../models/serving/servable.ts';
import type { PrepareVersion } from '../../models/warm-up/warm-up.ts';
import type { LoadAttempt, ModelSeams } from '../model-seams.ts';
import { slotsOf } from './cores.ts';

import { createLoader, type ModelParts, preparation, serverBatching } from './loader.ts';

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
  const { config, machine, logger, telemetry } = parts;
  const prepare = preparation(parts);
  const { backends, sandbox } = parts.installed.models;
  const slots = slotsOf(config.options, machine.budgetCores);
  const processGroups = new ProcessGroups(logGroupOutput(logger, systemClock));
  const help = 'Inputs of requests that wait, over all models.';
  telemetry.metrics.gauges.observe('pillion_queue_bytes', help, () => parts.coreSlots.queuedBytes);
  // Loads begin when the manager exists.
  const replace = (served: Servable, next: Servable): boolean => manager.replaceServable(served, next);
  const reserveSession: LoadServableOptions['reserveSession'] = (...version) => memory.reserveSession(...version);
  const memory = memoryCheckedLoad(
    watchedLoad(
      createLoader(parts, { processGroups, sandbox, reserveSession, prepare }, replace),
      parts.installed.models,
    ),
    {
      planOf: async (model, directory) => {
        const batching = await modelBatching(model, directory, serverBatching(config, machine));
        const { facts } = await backends.find(directory, model.backend);
        const host = config.options.host as HostChoice;
        return {
          sessions: modelSessions(facts, batching, model).count,
          process: processNeed(facts, model, host, processGroups, sandbox?.requiredBy),
        };
      },
      readFree: readFreeMemory,
      readResident: residentBytes,
      onLoaded: (servable) => logger.info(describeMemory(servable), 'memory of the model version'),
    },
  );
  const modelLog = logModelEvents(logger);
  const load = loadOfKinds(parts, memory.load, prepare, () => manager);
  const manager: ModelManager = new ModelManager({
    models: config.models,
    // A caller may know of some models alone, so no error names the others.
    namesModels: parts.installed.access === undefined,
    load: async (model, version, directory, signal) =>
      load(model, version, await parts.installed.models.artifactOf(model, directory), signal),
    checkMemory: async (model, version, directory) => {
      const { kinds, fileKeys } = parts.installed.models;
      const artifact = await parts.installed.models.artifactOf(model, directory);
      for (const kind of kinds) if (await kind.isOf(model, artifact, fileKeys)) return;
      await memory.check(model, version, artifact);
    },
    checkBackend: (kind) => backends.check(kind),
    clock: systemClock,
    features: parts.installed.models,
    events: {
      ...modelLog,
      onTransition: (...transition) => {
        modelLog.onTransition(...transition);
        parts.onChange();
      },
      onForgotten: (model, version) => telemetry.forgetVersion(model, version.toString()),
      onListed: (models) => {
        processGroups.configure(models.map((model) => ({ ...model, backend: backends.plugInOf(model.backend) })));
        for (const listener of parts.installed.models.onListed) listener(models);
        parts.onChange();
      },
    },
    ...managerOptions(config, { cores: machine.budgetCores, threadsPerLoad: slots }),
  });
  return manager;
}

/** Loads by `load` what no feature loads itself. */
function loadOfKinds(
  parts: ModelParts,
  load: LoadServable,
  prepare: PrepareVersion,
  models: () => ModelManager,
): LoadServable {
  const { config, machine, thread } = parts;
  const { kinds, layers, fileKeys } = parts.installed.models;
  const maxTensorBytes = config.options.max_message_bytes;
  const { scheduler } = serverBatching(config, machine);
  const of = { models, maxTensorBytes, thread, layers, fileKeys, prepare, scheduler };
  return kinds.reduce((inner, kind) => kind.around(inner, of), load);
}

/** Tells features of the attempts of `load`, with their outcome and time. */
function watchedLoad(load: LoadServable, { onAttempt }: ModelSeams): LoadServable {
  return async (model, version, directory, signal) => {
    const startedAt = systemClock.nowMs();
    const tell = (status: LoadAttempt['status']): void => {
      const attempt = { directory, tookMs: systemClock.nowMs() - startedAt, status };
      for (const told of onAttempt) told(attempt);
    };
    try {
      const servable = await load(model, version, directory, signal);
      tell('success');
      return servable;
    } catch (error) {
      tell('fail');
      throw error;
    }
  };
}
