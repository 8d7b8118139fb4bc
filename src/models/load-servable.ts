/**
 * A version directory → a servable: its backend is chosen, hosted, and given a scheduler.
 */
import { inlineLimitsFor } from '../backends/host/host-choice.ts';
import type { ProcessGroup, ProcessGroups } from '../backends/host/process/process-group.ts';
import { profileReplica } from '../backends/host/profile-replica.ts';
import { type Host, type HostMove, type HostOptions, startHost } from '../backends/host/start-host.ts';
import type { WorkerEvent } from '../backends/host/worker-slots.ts';
import { DEFAULT_BREAKER, type HostChoice, type ModelConfig } from '../config/model-config.ts';
import type { Clock } from '../core/clock.ts';
import type { Signature } from '../core/signature.ts';
import type { CoreSlots } from '../scheduler/core-slots.ts';
import type { LatencySeed } from '../scheduler/latency-model.ts';
import { Scheduler, type SchedulerInit } from '../scheduler/scheduler.ts';
import type { SchedulerOptions } from '../scheduler/scheduler-options.ts';
import type { Telemetry } from '../telemetry/request-record.ts';
import { Breaker, type BreakerState } from './breaker.ts';
import { GuardedExecutor } from './guarded-executor.ts';
import type { KeptLatency, LatencyStore } from './latency-store.ts';
import { type ModelBatching, modelBatching } from './model-batching.ts';
import { loadModelFile } from './model-file/load-model-file.ts';
import type { LoadServable } from './model-manager.ts';
import { modelSlots } from './model-slots.ts';
import { Servable, type ServableHost, type ServableRunner } from './servable.ts';
import { viewsOf, withViews } from './viewed-servable.ts';
import type { LoadedVersion, PrepareVersion } from './warm-up.ts';

export interface LoadServableOptions {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly scheduler: SchedulerOptions;
  /** That all models share. */
  readonly coreSlots: CoreSlots;
  /** What earlier runs taught, kept between starts. */
  readonly latencies: LatencyStore;
  /** Runs of one model at a time. */
  readonly slots: number;
  readonly intraOpThreads: number;
  /** That this process may use. */
  readonly cores: number;
  /** False: a dynamic batch axis is left alone, so that every run is one request. */
  readonly isBatchingEnabled: boolean;
  /** Each version's batching_params.pbtxt decides over its batching. */
  readonly perModelFiles?: boolean;
  /** Where runs happen, for models that do not say. */
  readonly host: HostChoice;
  /** Memory above which a model's process is replaced, in bytes; by default none is. */
  readonly processCeilingBytes?: number;
  /** That models may share processes in. */
  readonly processGroups: ProcessGroups;
  readonly events: HostEvents;
  /** What the tensors that are made of one request's examples may take together, in bytes. */
  readonly maxTensorBytes: number;
  /** What is done with a version between its loading and its being served. */
  readonly prepare?: PrepareVersion | undefined;
}

/** What becomes of a version's host: for the log. */
export interface HostEvents {
  /** It was loaded and put where it runs. */
  onHost(model: string, version: bigint, host: Host): void;
  /** It moved from the event loop to threads, or could not. */
  onMove(model: string, version: bigint, move: HostMove): void;
  /** A worker thread or process was lost, replaced or given up. */
  onWorkerEvent(model: string, version: bigint, event: WorkerEvent): void;
  /** A process of its printed a line; `traceparent` is of the run that printed it, where that is traced. */
  onOutput?(model: string, version: bigint, line: string, traceparent: string | undefined): void;
  /** Its circuit breaker has gone over to another state. */
  onBreaker?(model: string, version: bigint, state: BreakerState, reason: string): void;
  /** Something that its own files ask for has no effect, or something that it holds is not served. */
  onWarning?(model: string, version: bigint, text: string): void;
}

/** A loader with these options for every model. It rejects with ServingError `load_failed`; nothing is left running. */
export function servableLoader(options: LoadServableOptions): LoadServable {
  return async (model, version, versionDirectory) => {
    const { events } = options;
    const { name } = model;
    const modelFile = await loadModelFile(versionDirectory);
    const batching = await modelBatching(model, versionDirectory, options);
    for (const warning of batching.warnings) events.onWarning?.(name, version, warning);
    const life = { restarts: 0 };
    const hosted = await hostOf(options, model, version, versionDirectory, batching, life);
    events.onHost(name, version, hosted);
    for (const warning of hosted.warnings) events.onWarning?.(name, version, warning);
    const signatures = batching.isBatchingEnabled ? hosted.signatures : withoutBatching(hosted.signatures);
    const views = await viewsOf(modelFile, signatures, hosted);
    const breaker = breakerOf(options, model, version);
    const executor = breaker === undefined ? hosted.executor : new GuardedExecutor(hosted.executor, breaker);
    const scheduler = schedulerOf(options, model, version, { executor, signatures, options: batching.scheduler });
    const kept = await options.latencies.keep(name, version, versionDirectory, scheduler.latency);
    const runner = runnerOf(scheduler, hosted, kept, breaker);
    const servable =
      views === undefined
        ? new Servable(name, version, signatures, runner)
        : withViews(name, version, signatures, runner, views, options.maxTensorBytes);
    servable.host = servableHost(hosted, life, groupOf(options, model));
    servable.breaker = breaker;
    servable.profileOps = (rows, signatureName) =>
      profileReplica({ ...sourceOf(options, model, versionDirectory), rows, signatureName }, hosted.kind === 'process');
    const loaded = { servable, versionDirectory, executor: hosted.executor, signatures, scheduler: batching.scheduler };
    await prepared(options, loaded);
    scheduler.latency.seed(seedsOf(servable));
    return servable;
  };
}

function servableHost(
  { kind, reason, residentBytes }: Host,
  life: { readonly restarts: number },
  processGroup: ProcessGroup | undefined,
): ServableHost {
  return {
    kind,
    reason,
    processGroup,
    get restarts() {
      return life.restarts;
    },
    get residentBytes() {
      return residentBytes?.();
    },
  };
}

async function hostOf(
  options: LoadServableOptions,
  model: ModelConfig,
  version: bigint,
  versionDirectory: string,
  batching: ModelBatching,
  life: { restarts: number },
): Promise<Host> {
  const { name } = model;
  const { clock, events } = options;
  const { isBatchingEnabled, scheduler } = batching;
  return startHost({
    model: name,
    ...sourceOf(options, model, versionDirectory),
    slots: await modelSlots(model.backend, versionDirectory, batching),
    clock,
    host: model.host,
    defaultHost: options.host,
    limits: inlineLimitsFor(options.cores),
    maxBatchSize: isBatchingEnabled ? scheduler.maxBatchSize : 1,
    onMove: (move) => events.onMove(name, version, move),
    onOutput: (line, traceparent) => events.onOutput?.(name, version, line, traceparent),
    processGroup: groupOf(options, model),
    ceilingBytes: options.processCeilingBytes ?? Infinity,
    onWorkerEvent: (event) => {
      if (event.what === 'restarted' || event.what === 'recycled') life.restarts += 1;
      events.onWorkerEvent(name, version, event);
    },
  });
}

function groupOf({ processGroups }: LoadServableOptions, { processGroup }: ModelConfig): ProcessGroup | undefined {
  return processGroup === undefined ? undefined : processGroups.of(processGroup);
}

/** What is opened, and how. */
function sourceOf(
  { intraOpThreads }: LoadServableOptions,
  { backend, executionProvider }: ModelConfig,
  versionDirectory: string,
): Pick<HostOptions, 'backendKind' | 'versionDirectory' | 'loadOptions'> {
  return { backendKind: backend, versionDirectory, loadOptions: { intraOpThreads, executionProvider } };
}

/** What the sweep measured, run by run. */
function seedsOf({ latencySeeds }: Servable): readonly LatencySeed[] {
  return latencySeeds.flatMap(({ signatureName, rows, runMs }) =>
    runMs.map((ms) => ({ signature: signatureName, rows, runMs: ms })),
  );
}

function schedulerOf(
  { clock, telemetry, coreSlots }: LoadServableOptions,
  { name, sloMs, weight }: ModelConfig,
  version: bigint,
  parts: Pick<SchedulerInit, 'executor' | 'signatures' | 'options'>,
): Scheduler {
  return new Scheduler({
    ...parts,
    options: { ...parts.options, sloMs: sloMs ?? parts.options.sloMs, weight },
    clock,
    telemetry,
    slots: coreSlots,
    model: name,
    version: version.toString(),
  });
}

function breakerOf({ clock, events }: LoadServableOptions, model: ModelConfig, version: bigint): Breaker | undefined {
  const { name, breaker = DEFAULT_BREAKER } = model;
  if (breaker === 'off') return undefined;
  return new Breaker({
    ...breaker,
    clock,
    what: `model "${name}" version ${version}`,
    onChange: (state, reason) => events.onBreaker?.(name, version, state, reason),
  });
}

function runnerOf(scheduler: Scheduler, hosted: Host, kept: KeptLatency, breaker: Breaker | undefined): ServableRunner {
  return {
    submit: (request) => (breaker?.isRefusing === true ? Promise.reject(breaker.refusal()) : scheduler.submit(request)),
    close: async () => {
      await scheduler.close();
      await kept.end();
      await hosted.close();
    },
    latencyEstimates: () => scheduler.latency.estimates(),
    get queuedRows() {
      return scheduler.queuedRows;
    },
    get queuedTasks() {
      return scheduler.queuedTasks;
    },
    get runningBatches() {
      return scheduler.runningBatches;
    },
    get sessions() {
      return hosted.executor.isInline === true ? 1 : hosted.executor.slots;
    },
  };
}

/** Nothing of a version that must not be served stays. */
async function prepared({ prepare }: LoadServableOptions, loaded: LoadedVersion): Promise<void> {
  try {
    await prepare?.(loaded);
  } catch (error) {
    await loaded.servable.unload();
    throw error;
  }
}

function withoutBatching(signatures: ReadonlyMap<string, Signature>): ReadonlyMap<string, Signature> {
  const single = new Map<string, Signature>();
  for (const [name, signature] of signatures) {
    const isDynamic = signature.batchAxis.kind === 'dynamic';
    single.set(name, isDynamic ? { ...signature, batchAxis: { kind: 'none' } } : signature);
  }
  return single;
}
