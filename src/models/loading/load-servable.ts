/** Loads a version directory into a servable: chooses the backend, starts its host and puts a scheduler above it. */
import type { ProcessGroup } from '../../backends/host/process/process-group.ts';
import { profileReplica } from '../../backends/host/profile/profile-replica.ts';
import type { Host } from '../../backends/host/start-host.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import { Facts } from '../../core/collections/facts.ts';
import { ServingError } from '../../core/errors.ts';
import { type BatchAxis, notesOn, type Signature, type Signatures } from '../../core/signature.ts';
import type { LatencySeed } from '../../scheduler/latency/latency-model.ts';
import type { Scheduler } from '../../scheduler/scheduler.ts';
import type { VersionBatching } from '../batching/version-batching.ts';

import { loadModelFile, type ModelFile } from '../model-file/load-model-file.ts';
import {
  groupOf,
  loadSettingsOf,
  type OpenedVersion,
  openVersion,
  type VersionTarget,
} from '../runtimes/open-version.ts';
import { withDeclaredSignatures } from '../serving/declared-signature-runner.ts';
import { Servable, type ServableHost, type TryOut } from '../serving/servable.ts';
import { stateOfTriton } from '../triton/sequence-state.ts';
import { readTriton, tritonViews } from '../triton/served-triton.ts';
import type { ServedTriton } from '../triton/triton-facts.ts';
import { slowRunOf } from '../warm-up/slow-run.ts';
import { artifactHasher } from './artifact-hash.ts';
import { versionBatching } from './batch-axes.ts';
import { declaredPadValues, withDeclaredBatching } from './declared-batching.ts';
import { DECLARED_STATE } from './declared-state.ts';
import { endedBy, NO_FIRST_LOAD } from './first-loads.ts';
import type { HostEvents, LoadServableOptions } from './load-options.ts';
import { type LoadedVersion, runStage, type VersionDraft } from './load-steps.ts';
import { modelBatching } from './model-batching.ts';
import type { LoadServable } from './version-loader.ts';
import { buildStack, StackBase, type StackSignatures } from './version-stack.ts';

/** Returns a loader for all models. It rejects with ServingError `load_failed`; nothing is left running then. */
export function servableLoader(options: LoadServableOptions): LoadServable {
  return async (configured, version, versionDirectory, signal) => {
    const hashArtifact = await artifactHasher(versionDirectory);
    const { firstLoads } = options;
    const firstLoad =
      (await firstLoads?.begin(configured.name, version, versionDirectory, hashArtifact)) ?? NO_FIRST_LOAD;
    const files = { version, versionDirectory, hashArtifact, firstLoad, signal };
    return endedBy(firstLoad, loadVersion(options, configured, files));
  };
}

const NO_ENSEMBLES = 'ensemble_scheduling needs the feature ensembles, which this server is without';

async function loadVersion(
  options: LoadServableOptions,
  configured: ModelConfig,
  files: Omit<VersionTarget, 'model' | 'modelFile' | 'batching' | 'facts'>,
): Promise<Servable> {
  const { version, versionDirectory } = files;
  const { events } = options;
  const { name, triton: ofTriton } = configured;
  if (ofTriton?.ensemble !== undefined) throw new ServingError('load_failed', `model "${name}": ${NO_ENSEMBLES}`);
  const { fileKeys, loadSteps = [] } = options;
  const modelFile = await loadModelFile(versionDirectory, fileKeys);
  const model = withModelFile(configured, modelFile);
  const batching = await modelBatching(model, versionDirectory, options);
  for (const warning of batching.warnings) events.onWarning?.(name, version, warning);
  const workers: WorkerFacts = { restarts: 0, growthRefusal: undefined };
  const onPlan: HostEvents['onPlan'] = (of, id, event) => {
    workers.growthRefusal = event.what === 'not_grown' ? event.reason : undefined;
    events.onPlan?.(of, id, event);
  };
  const target = { ...files, model, modelFile, batching, facts: new Facts() };
  const opened = await openVersion({ ...options, events: { ...events, onPlan } }, target, (event) => {
    if (event.what === 'restarted' || event.what === 'recycled') workers.restarts += 1;
    events.onWorkerEvent(name, version, event);
  });
  if (opened.choice !== undefined) events.onRuntime?.(name, version, opened.choice);
  events.onHost(name, version, opened.host);
  const { warnings, cautions = [] } = opened.host;
  for (const text of [...warnings, ...cautions, ...notesOn(opened.signatures.values())]) {
    events.onWarning?.(name, version, text);
  }
  let axes: VersionBatching | undefined;
  try {
    const triton = await readTriton(model, opened.signatures);
    const declared = withDeclaredBatching(model, modelFile, opened.signatures);
    const padValues = declaredPadValues(model, modelFile, opened.signatures);
    axes = await versionBatching(options, target, opened, declared, padValues);
    const decided = await axes.decide();
    const declaredState = stateOfTriton(model, decided);
    if (declaredState !== undefined) target.facts.set(DECLARED_STATE, declaredState);
    const draft: VersionDraft = { model, modelFile, facts: target.facts, signatures: decided };
    await runStage(loadSteps, 'signatures', draft);
    const { signatures } = draft;
    // The model's own pillion.yaml has the last word.
    const views = new Map([...(tritonViews(triton, signatures) ?? []), ...(modelFile?.views(signatures) ?? [])]);
    const served = { signatures, views: views.size === 0 ? undefined : views };
    const { tryOut } = modelFile ?? {};
    return await buildServable(options, target, { ...opened, served, axes, tryOut, triton, workers });
  } catch (error) {
    axes?.end();
    await opened.host.close();
    throw error;
  }
}

/** Events in the life of a version's sessions. */
interface WorkerFacts {
  restarts: number;
  /** The reason why no further session was opened, as ServableHost has it. */
  growthRefusal: string | undefined;
}

interface Opened extends OpenedVersion {
  readonly served: StackSignatures;
  readonly axes: VersionBatching;
  readonly tryOut: TryOut | undefined;
  readonly triton: ServedTriton | undefined;
  readonly workers: Readonly<WorkerFacts>;
}

/** Builds the servable above an opened version and prepares it: warm-up and golden requests. */
async function buildServable(options: LoadServableOptions, target: VersionTarget, opened: Opened): Promise<Servable> {
  const { model, versionDirectory, batching } = target;
  const { host: hosted, served, backend, choice, axes, workers } = opened;
  const base = new StackBase(options, target, opened, () => axes.end());
  let stacked = target;
  const above = (signatures: StackSignatures): Promise<Stacked> => stackServable(options, stacked, signatures, base);
  const first = await above(served);
  const { servable } = first;
  servable.leftOut = hosted.warnings;
  for (const warning of [...hosted.warnings, ...(hosted.cautions ?? [])]) servable.addWarning(warning);
  servable.host = servableHost(hosted, workers, groupOf(options, model));
  servable.runtime = { kind: backend.kind, choice };
  servable.maxBatchSize = servable.configuredRows = batching.scheduler.maxBatchSize;
  servable.batchDisproofs = axes.disproofs;
  servable.paddings = axes.paddings;
  servable.tryOut = opened.tryOut;
  servable.triton = opened.triton;
  const source = { backendModule: backend.module, versionDirectory, loadOptions: loadSettingsOf(options, target) };
  servable.profileOps = (rows, signatureName) =>
    profileReplica(
      { ...source, rows, signatureName },
      { isInProcess: hosted.kind === 'process', sandbox: options.sandbox },
    );
  const { signatures } = served;
  const slowRun = await slowRunOf(hosted, axes, signatures);
  if (slowRun !== undefined) {
    options.events.onWarning?.(model.name, target.version, slowRun.text);
    servable.addWarning(slowRun.text);
  }
  await prepare(options, {
    model,
    onlyRun: slowRun?.seeds,
    servable,
    versionDirectory,
    executor: hosted.executor,
    signatures,
    scheduler: batching.scheduler,
  });
  stacked = withLargerRuns(target, servable.maxBatchSize);
  const ready = stacked === target ? first : await inPlaceOf(servable, await above(served));
  ready.scheduler.latency.seed(seedsOf(ready.servable));
  base.start();
  ready.servable.onServed = () => serveProofs(options, axes, { servable: ready.servable, signatures: served }, above);
  return ready.servable;
}

/** The same target, but with runs of so many rows, where these are more. */
function withLargerRuns(target: VersionTarget, maxBatchSize: number): VersionTarget {
  const { batching } = target;
  if (maxBatchSize <= batching.scheduler.maxBatchSize) return target;
  return { ...target, batching: { ...batching, scheduler: { ...batching.scheduler, maxBatchSize } } };
}

/** Puts `next` in the place of a servable that has served nobody yet. */
async function inPlaceOf(servable: Servable, next: Stacked): Promise<Stacked> {
  next.servable.takeOver(servable);
  await servable.unload();
  return next;
}

/** Serves the outcomes of proofs that go on: signatures that share more runs take the place of the served ones. */
function serveProofs(
  options: LoadServableOptions,
  axes: VersionBatching,
  first: { readonly servable: Servable; readonly signatures: StackSignatures },
  above: (signatures: StackSignatures) => Promise<Stacked>,
): void {
  let current = first;
  const load = {
    get queuedTasks() {
      return current.servable.runner.queuedTasks;
    },
    get runningBatches() {
      return current.servable.runner.runningBatches;
    },
  };
  axes.serve(load, async (accepted) => {
    const signatures = withAccepted(current.signatures, accepted);
    const { servable, scheduler } = await above(signatures);
    servable.takeOver(current.servable);
    scheduler.latency.seed(seedsOf(servable));
    const isServed = options.replaceServable?.(current.servable, servable) === true;
    if (isServed) current = { servable, signatures };
    else await servable.unload();
  });
}

interface Stacked {
  readonly servable: Servable;
  readonly scheduler: Scheduler;
}

async function stackServable(
  options: LoadServableOptions,
  target: VersionTarget,
  signatures: StackSignatures,
  base: StackBase,
): Promise<Stacked> {
  const { model, version } = target;
  const warnings: string[] = [];
  const onMisfit = (warning: string): void => {
    options.events.onWarning?.(model.name, version, warning);
    servable.addWarning(warning);
  };
  const warn = (warning: string): void => void warnings.push(warning);
  const { scheduler, runner } = await buildStack(options, target, signatures, base, { onMisfit, warn });
  const all = withDeclaredSignatures(signatures.signatures, signatures.views);
  const servable = new Servable(model.name, version, all, runner, base.facts);
  for (const warning of warnings) servable.addWarning(warning);
  servable.breaker = base.breaker;
  return { servable, scheduler };
}

/** The same signatures, with the batch axes and the padding of those that were accepted. */
function withAccepted({ signatures, views }: StackSignatures, accepted: Signatures): StackSignatures {
  const axisOf = (name: string, { batchAxis }: Signature): BatchAxis => accepted.get(name)?.batchAxis ?? batchAxis;
  return {
    signatures: new Map(
      [...signatures].map(([name, signature]) => {
        const { padding = signature.padding } = accepted.get(name) ?? {};
        return [name, { ...signature, batchAxis: axisOf(name, signature), padding }];
      }),
    ),
    views:
      views &&
      new Map(
        [...views].map(([name, view]) => {
          const batchAxis = axisOf(view.graphName, view.signature);
          return [name, { ...view, signature: { ...view.signature, batchAxis } }];
        }),
      ),
  };
}

/** Adds the runtime of pillion.yaml where the configuration names none. */
function withModelFile(model: ModelConfig, file: ModelFile | undefined): ModelConfig {
  return { ...model, backend: model.backend ?? file?.runtime.runtime };
}

function servableHost(
  { kind, reason, residentBytes, sandbox, executor }: Host,
  workers: Readonly<WorkerFacts>,
  processGroup: ProcessGroup | undefined,
): ServableHost {
  return {
    kind,
    reason,
    processGroup,
    callsAtOnce: executor.isElsewhere === true ? executor.slots : undefined,
    get sessions() {
      if (executor.isInline === true) return undefined;
      return executor.plans ?? [{ sessions: executor.slots, threads: executor.threads ?? 1 }];
    },
    get restarts() {
      return workers.restarts;
    },
    get growthRefusal() {
      return workers.growthRefusal;
    },
    get residentBytes() {
      return residentBytes?.();
    },
    get sandbox() {
      return sandbox?.();
    },
  };
}

/** The run times that the sweep measured, one entry for each run. */
function seedsOf({ latencySeeds }: Servable): readonly LatencySeed[] {
  return latencySeeds.flatMap(({ signatureName, rows, length, runMs }) =>
    runMs.map((ms) => ({ signature: signatureName, rows, ...(length && { length }), runMs: ms })),
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
