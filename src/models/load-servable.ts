/**
 * A version directory → a servable: its backend is chosen, hosted, and given a scheduler.
 */
import type { ProcessGroup, ProcessGroups } from '../backends/host/process/process-group.ts';
import { profileReplica } from '../backends/host/profile-replica.ts';
import type { Host, HostMove } from '../backends/host/start-host.ts';
import type { WorkerEvent } from '../backends/host/worker-slots.ts';
import { DEFAULT_BREAKER, type HostChoice, type ModelConfig } from '../config/model-config.ts';
import type { Clock } from '../core/clock.ts';
import type { Signature } from '../core/signature.ts';
import type { CoreSlots } from '../scheduler/core-slots.ts';
import type { LatencySeed } from '../scheduler/latency-model.ts';
import { Scheduler, type SchedulerInit } from '../scheduler/scheduler.ts';
import type { SchedulerOptions } from '../scheduler/scheduler-options.ts';
import type { Telemetry } from '../telemetry/request-record.ts';
import type { ShadowSeries } from '../telemetry/shadow-metrics.ts';
import { Breaker, type BreakerState } from './breaker.ts';
import { GuardedExecutor } from './guarded-executor.ts';
import type { KeptLatency, LatencyStore } from './latency-store.ts';
import { modelBatching } from './model-batching.ts';
import { loadModelFile, type ModelFile } from './model-file/load-model-file.ts';
import type { LoadServable } from './model-manager.ts';
import type { RuntimeChoice } from './runtimes/choose-runtime.ts';
import {
  groupOf,
  loadOptionsOf,
  type OpenedVersion,
  openVersion,
  startShadowHost,
  type VersionTarget,
} from './runtimes/open-version.ts';
import { Servable, type ServableHost, type ServableRunner } from './servable.ts';
import { type ShadowEvent, VersionShadow } from './shadow/version-shadow.ts';
import type { SignatureView } from './signature-view.ts';
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
  /** Others are being served: who times a version leaves them room. Default: nobody is. */
  readonly isServing?: () => boolean;
  /** Rows of the model's average batch so far, for who chooses its runtime; undefined = not known. */
  readonly learnedRows?: (model: string) => number | undefined;
  /** Where the numbers of a version's shadow are counted. */
  readonly shadowSeries: (model: string, version: string, runtime: string) => ShadowSeries;
  /** What is done with a version between its loading and its being served. */
  readonly prepare?: PrepareVersion | undefined;
}

/** What becomes of a version's host: for the log. */
export interface HostEvents {
  /** It was loaded and put where it runs. */
  onHost(model: string, version: bigint, host: Host): void;
  /** Of several artifacts one was chosen, by how fast it is. */
  onRuntime?(model: string, version: bigint, choice: RuntimeChoice): void;
  /** Something happened to its shadow. */
  onShadow?(model: string, version: bigint, event: ShadowEvent): void;
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
  return async (configured, version, versionDirectory) => {
    const { events } = options;
    const { name } = configured;
    const modelFile = await loadModelFile(versionDirectory);
    const model = withFile(configured, modelFile);
    const batching = await modelBatching(model, versionDirectory, options);
    for (const warning of batching.warnings) events.onWarning?.(name, version, warning);
    const life = { restarts: 0 };
    const target = { model, version, versionDirectory, batching };
    const opened = await openVersion(options, target, (event) => {
      if (event.what === 'restarted' || event.what === 'recycled') life.restarts += 1;
      events.onWorkerEvent(name, version, event);
    });
    if (opened.choice !== undefined) events.onRuntime?.(name, version, opened.choice);
    events.onHost(name, version, opened.host);
    for (const warning of opened.host.warnings) events.onWarning?.(name, version, warning);
    const signatures = batching.isBatchingEnabled ? opened.signatures : withoutBatching(opened.signatures);
    const views = await viewsOf(modelFile, signatures, opened.host);
    return serve(options, target, { ...opened, signatures, views, life });
  };
}

interface Opened extends OpenedVersion {
  readonly views: ReadonlyMap<string, SignatureView> | undefined;
  readonly life: { readonly restarts: number };
}

/** Gives what was opened a scheduler, and makes it ready. */
async function serve(options: LoadServableOptions, target: VersionTarget, opened: Opened): Promise<Servable> {
  const { model, version, versionDirectory, batching } = target;
  const { host: hosted, signatures, backendKind, choice, views, life } = opened;
  const { name } = model;
  const shadow = shadowOf(options, target, opened);
  const breaker = breakerOf(options, model, version);
  const runs = shadow?.executor ?? hosted.executor;
  const executor = breaker === undefined ? runs : new GuardedExecutor(runs, breaker);
  const scheduler = schedulerOf(options, model, version, { executor, signatures, options: batching.scheduler });
  const kept = await options.latencies.keep(name, version, versionDirectory, scheduler.latency, backendKind);
  const runner = runnerOf(scheduler, { hosted, kept, breaker, shadow });
  const servable =
    views === undefined
      ? new Servable(name, version, signatures, runner)
      : withViews(name, version, signatures, runner, views, options.maxTensorBytes);
  servable.host = servableHost(hosted, life, groupOf(options, model));
  servable.runtime = { kind: backendKind ?? hosted.backendKind, choice };
  servable.breaker = breaker;
  servable.shadow = shadow;
  const source = { backendKind, versionDirectory, loadOptions: loadOptionsOf(options, model) };
  servable.profileOps = (rows, signatureName) =>
    profileReplica({ ...source, rows, signatureName }, hosted.kind === 'process');
  const loaded = { servable, versionDirectory, executor: hosted.executor, signatures, scheduler: batching.scheduler };
  await prepared(options, loaded);
  scheduler.latency.seed(seedsOf(servable));
  shadow?.start();
  return servable;
}

/** The configuration, and where it does not say what runs the model its own file. */
function withFile(model: ModelConfig, file: ModelFile | undefined): ModelConfig {
  const { runtime, shadow } = file?.runtime ?? {};
  return { ...model, backend: model.backend ?? runtime, shadow: model.shadow ?? shadow };
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

/** Undefined where none is asked for. */
function shadowOf(
  options: LoadServableOptions,
  target: VersionTarget,
  { host, signatures, backendKind = host.backendKind }: OpenedVersion,
): VersionShadow | undefined {
  const { model, version, versionDirectory } = target;
  const { shadow: config, name } = model;
  if (config === undefined || config.sample === 0) return undefined;
  return new VersionShadow({
    config,
    versionDirectory,
    runtime: backendKind,
    executor: host.executor,
    signatures,
    startHost: (of) => startShadowHost(options, target, of),
    clock: options.clock,
    seriesOf: (runtime) => options.shadowSeries(name, version.toString(), runtime),
    onEvent: (event) => options.events.onShadow?.(name, version, event),
  });
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

interface RunnerParts {
  readonly hosted: Host;
  readonly kept: KeptLatency;
  readonly breaker: Breaker | undefined;
  readonly shadow: VersionShadow | undefined;
}

function runnerOf(scheduler: Scheduler, { hosted, kept, breaker, shadow }: RunnerParts): ServableRunner {
  return {
    submit(request) {
      if (breaker?.isRefusing !== true) return scheduler.submit(request);
      request.context.note('breaker', breaker.refusalFacts());
      throw breaker.refusal();
    },
    close: async () => {
      await scheduler.close();
      await kept.end();
      await Promise.all([shadow?.close(), hosted.close()]);
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
