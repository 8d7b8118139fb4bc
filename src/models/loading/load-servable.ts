/**
 * A version directory → a servable: its backend is chosen, hosted, and given a scheduler.
 */
import type { ProcessGroup } from '../../backends/host/process/process-group.ts';
import { profileReplica } from '../../backends/host/profile/profile-replica.ts';
import type { Host } from '../../backends/host/start-host.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import type { Signature } from '../../core/signature.ts';
import type { LatencySeed } from '../../scheduler/latency/latency-model.ts';
import type { LoadServable } from '../lifecycle/model-manager.ts';
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
import { Servable, type ServableHost } from '../serving/servable.ts';
import type { LoadedVersion } from '../warm-up/warm-up.ts';
import type { LoadServableOptions } from './load-options.ts';
import { modelBatching } from './model-batching.ts';
import { buildStack } from './version-stack.ts';

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
    const views = await declaredSignaturesOf(modelFile, signatures, opened.host);
    return serve(options, target, { ...opened, signatures, views, life });
  };
}

interface Opened extends OpenedVersion {
  /** Of the model's own pillion.yaml; undefined where it declares none. */
  readonly views: DeclaredSignatures | undefined;
  readonly life: { readonly restarts: number };
}

/** Gives what was opened all that stands above it, and makes it ready. */
async function serve(options: LoadServableOptions, target: VersionTarget, opened: Opened): Promise<Servable> {
  const { model, version, versionDirectory, batching } = target;
  const { host: hosted, signatures, backendKind, choice, views, life } = opened;
  const { breaker, shadow, scheduler, runner } = await buildStack(options, target, opened);
  const servable = new Servable(model.name, version, withDeclaredSignatures(signatures, views), runner);
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

/** What the sweep measured, run by run. */
function seedsOf({ latencySeeds }: Servable): readonly LatencySeed[] {
  return latencySeeds.flatMap(({ signatureName, rows, runMs }) =>
    runMs.map((ms) => ({ signature: signatureName, rows, runMs: ms })),
  );
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
