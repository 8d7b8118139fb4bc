/**
 * A version directory → a servable: its backend is chosen, hosted, and given a scheduler.
 */
import type { ProcessGroup } from '../backends/host/process/process-group.ts';
import { profileReplica } from '../backends/host/profile-replica.ts';
import type { Host } from '../backends/host/start-host.ts';
import { DEFAULT_BREAKER, type ModelConfig } from '../config/model-config.ts';
import type { Signature } from '../core/signature.ts';
import type { LatencySeed } from '../scheduler/latency-model.ts';
import { Scheduler, type SchedulerInit } from '../scheduler/scheduler.ts';
import { Breaker } from './breaker.ts';
import { GuardedExecutor } from './guarded-executor.ts';
import type { KeptLatency } from './latency-store.ts';
import type { LoadServableOptions } from './load-options.ts';
import { modelBatching } from './model-batching.ts';
import { loadModelFile, type ModelFile } from './model-file/load-model-file.ts';
import type { LoadServable } from './model-manager.ts';
import {
  groupOf,
  loadOptionsOf,
  type OpenedVersion,
  openVersion,
  startShadowHost,
  type VersionTarget,
} from './runtimes/open-version.ts';
import { Servable, type ServableHost, type ServableRunner } from './servable.ts';
import { VersionShadow } from './shadow/version-shadow.ts';
import type { SignatureView } from './signature-view.ts';
import { viewsOf, withViews } from './viewed-servable.ts';
import type { LoadedVersion } from './warm-up.ts';

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
