/** Loads a version directory into a servable: chooses the backend, starts its host and puts a scheduler above it. */
import type { ProcessGroup } from '../../backends/host/process/process-group.ts';
import { profileReplica } from '../../backends/host/profile/profile-replica.ts';
import type { Host } from '../../backends/host/start-host.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import type { Signature, Signatures } from '../../core/signature.ts';
import type { LatencySeed } from '../../scheduler/latency/latency-model.ts';
import { withoutAxis } from '../model-file/declare-batching.ts';
import { loadModelFile, type ModelFile } from '../model-file/load-model-file.ts';
import {
  groupOf,
  loadOptionsOf,
  type OpenedVersion,
  openVersion,
  type VersionTarget,
} from '../runtimes/open-version.ts';
import {
  type DeclaredSignatures,
  declaredSignaturesOf,
  withDeclaredSignatures,
} from '../serving/declared-signature-runner.ts';
import { Servable, type ServableHost, type TryOut } from '../serving/servable.ts';
import type { LoadedVersion } from '../warm-up/warm-up.ts';
import { withDeclaredBatching } from './declared-batching.ts';
import type { LoadServableOptions } from './load-options.ts';
import { modelBatching } from './model-batching.ts';
import type { LoadServable } from './version-loader.ts';
import { buildStack } from './version-stack.ts';

/** Returns a loader for all models. It rejects with ServingError `load_failed`; nothing is left running then. */
export function servableLoader(options: LoadServableOptions): LoadServable {
  return async (configured, version, versionDirectory) => {
    const { events } = options;
    const { name } = configured;
    const modelFile = await loadModelFile(versionDirectory);
    const model = withModelFile(configured, modelFile);
    const batching = await modelBatching(model, versionDirectory, options);
    for (const warning of batching.warnings) events.onWarning?.(name, version, warning);
    const workers = { restarts: 0 };
    const target = { model, version, versionDirectory, batching };
    const opened = await openVersion(options, target, (event) => {
      if (event.what === 'restarted' || event.what === 'recycled') workers.restarts += 1;
      events.onWorkerEvent(name, version, event);
    });
    if (opened.choice !== undefined) events.onRuntime?.(name, version, opened.choice);
    events.onHost(name, version, opened.host);
    for (const warning of opened.host.warnings) events.onWarning?.(name, version, warning);
    const signatures = await batchedSignatures(opened, target, modelFile);
    const views = await declaredSignaturesOf(modelFile, signatures, opened.host);
    return buildServable(options, target, { ...opened, signatures, views, tryOut: modelFile?.tryOut, workers });
  };
}

interface Opened extends OpenedVersion {
  /** Declared in the version's pillion.yaml; undefined if there are none. */
  readonly views: DeclaredSignatures | undefined;
  readonly tryOut: TryOut | undefined;
  readonly workers: { readonly restarts: number };
}

/** Builds the servable above an opened version and prepares it: warm-up and golden requests. */
async function buildServable(options: LoadServableOptions, target: VersionTarget, opened: Opened): Promise<Servable> {
  const { model, version, versionDirectory, batching } = target;
  const { host: hosted, signatures, backendKind, choice, views, workers } = opened;
  const { breaker, shadow, scheduler, runner } = await buildStack(options, target, opened);
  const servable = new Servable(model.name, version, withDeclaredSignatures(signatures, views), runner);
  servable.host = servableHost(hosted, workers, groupOf(options, model));
  servable.runtime = { kind: backendKind ?? hosted.backendKind, choice };
  servable.breaker = breaker;
  servable.misfits = () => scheduler.misfits();
  servable.shadow = shadow;
  servable.tryOut = opened.tryOut;
  const source = { backendKind, versionDirectory, loadOptions: loadOptionsOf(options, model) };
  servable.profileOps = (rows, signatureName) =>
    profileReplica({ ...source, rows, signatureName }, hosted.kind === 'process');
  const loaded = { servable, versionDirectory, executor: hosted.executor, signatures, scheduler: batching.scheduler };
  await prepare(options, loaded);
  scheduler.latency.seed(seedsOf(servable));
  shadow?.start();
  return servable;
}

/** Adds the runtime and the shadow of pillion.yaml where the configuration names none. */
function withModelFile(model: ModelConfig, file: ModelFile | undefined): ModelConfig {
  const { runtime, shadow } = file?.runtime ?? {};
  return { ...model, backend: model.backend ?? runtime, shadow: model.shadow ?? shadow };
}

function servableHost(
  { kind, reason, residentBytes }: Host,
  workers: { readonly restarts: number },
  processGroup: ProcessGroup | undefined,
): ServableHost {
  return {
    kind,
    reason,
    processGroup,
    get restarts() {
      return workers.restarts;
    },
    get residentBytes() {
      return residentBytes?.();
    },
  };
}

/** The run times that the sweep measured, one entry for each run. */
function seedsOf({ latencySeeds }: Servable): readonly LatencySeed[] {
  return latencySeeds.flatMap(({ signatureName, rows, runMs }) =>
    runMs.map((ms) => ({ signature: signatureName, rows, runMs: ms })),
  );
}

/** Unloads the version if it must not be served. */
async function prepare(options: LoadServableOptions, loaded: LoadedVersion): Promise<void> {
  try {
    await options.prepare?.(loaded);
  } catch (error) {
    await loaded.servable.unload();
    throw error;
  }
}

/** The signatures with the batch axes that the owner declares, or without any where batching is off. */
async function batchedSignatures(
  { host, signatures }: OpenedVersion,
  { model, batching }: VersionTarget,
  file: ModelFile | undefined,
): Promise<Signatures> {
  try {
    const declared = withDeclaredBatching(model, file, signatures);
    return batching.isBatchingEnabled ? declared : withoutBatching(declared);
  } catch (error) {
    await host.close();
    throw error;
  }
}

function withoutBatching(signatures: Signatures): Signatures {
  const single = new Map<string, Signature>();
  for (const [name, signature] of signatures) {
    const isDynamic = signature.batchAxis.kind === 'dynamic';
    single.set(name, isDynamic ? withoutAxis(signature, 'batching is off on this server') : signature);
  }
  return single;
}
