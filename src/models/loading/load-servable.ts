/** Loads a version directory into a servable: chooses the backend, starts its host and puts a scheduler above it. */
import type { ModelConfig } from '../../config/model-config.ts';
import { Facts } from '../../core/collections/facts.ts';
import { notesOn } from '../../core/signature.ts';
import { loadModelFile, type ModelFile } from '../model-file/load-model-file.ts';
import { TRY_OUT } from '../model-file/try-out-schema.ts';
import { openVersion } from '../runtimes/open-version.ts';
import { CLASS_NAMES, classNamesOf, GRAPH_LABELS } from '../serving/class-names.ts';
import type { DeclaredSignatures } from '../serving/declared-signature-runner.ts';
import type { Servable } from '../serving/servable.ts';
import { artifactHasher } from './artifact-hash.ts';
import { decideAxes, draftOf } from './batch-axes.ts';
import { endedBy, NO_FIRST_LOAD } from './first-loads.ts';
import type { HostEvents, LoadServableOptions, WorkerFacts } from './load-options.ts';
import { runStage, type VersionDraft } from './load-steps.ts';
import { modelBatching } from './model-batching.ts';
import { ServedVersion } from './served-version.ts';
import type { LoadServable } from './version-loader.ts';
import type { OpenedVersion, VersionTarget } from './version-target.ts';

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

async function loadVersion(
  options: LoadServableOptions,
  configured: ModelConfig,
  files: Omit<VersionTarget, 'model' | 'modelFile' | 'batching' | 'facts'>,
): Promise<Servable> {
  const { version, versionDirectory } = files;
  const modelFile = await loadModelFile(versionDirectory, options.fileKeys);
  const model = withModelFile(configured, modelFile);
  const batching = await modelBatching(model, versionDirectory, options);
  for (const warning of batching.warnings) options.events.onWarning?.(configured.name, version, warning);
  const workers: WorkerFacts = { restarts: 0, growthRefusal: undefined };
  const target = { ...files, model, modelFile, batching, facts: new Facts() };
  const opened = await open(options, target, workers);
  let draft: VersionDraft | undefined;
  try {
    draft = draftOf(options, target, opened);
    const views = await drawUp(options, draft);
    return await new ServedVersion(options, draft, views, workers).prepare();
  } catch (error) {
    for (const end of draft?.onEnd ?? []) end();
    await opened.host.close();
    throw error;
  }
}

/** Opens the version, and tells the log how it runs. Counts in `workers` what happens to its sessions. */
async function open(options: LoadServableOptions, target: VersionTarget, workers: WorkerFacts): Promise<OpenedVersion> {
  const { events } = options;
  const { version, model } = target;
  const { name } = model;
  const onPlan: HostEvents['onPlan'] = (of, id, event) => {
    workers.growthRefusal = event.what === 'not_grown' ? event.reason : undefined;
    events.onPlan?.(of, id, event);
  };
  const opened = await openVersion({ ...options, events: { ...events, onPlan } }, target, (event) => {
    if (event.what === 'restarted' || event.what === 'recycled') workers.restarts += 1;
    events.onWorkerEvent(name, version, event);
  });
  events.onHost(name, version, opened.host);
  const { warnings, cautions = [] } = opened.host;
  for (const text of [...warnings, ...cautions, ...notesOn(opened.signatures.values())]) {
    events.onWarning?.(name, version, text);
  }
  return opened;
}

/** Decides what the draft's signatures are, and which are declared beside them. Undefined = none. */
async function drawUp(options: LoadServableOptions, draft: VersionDraft): Promise<DeclaredSignatures | undefined> {
  const { modelFile, facts, views } = draft;
  const { loadSteps = [] } = options;
  await runStage(loadSteps, 'opened', draft);
  await decideAxes(options, draft);
  await runStage(loadSteps, 'signatures', draft);
  await runStage(loadSteps, 'views', draft);
  for (const [name, view] of modelFile?.views(draft.signatures) ?? []) views.set(name, view);
  facts.set(CLASS_NAMES, classNamesOf(views, draft.signatures, facts.get(GRAPH_LABELS)));
  if (modelFile?.tryOut !== undefined) facts.set(TRY_OUT, modelFile.tryOut);
  return views.size === 0 ? undefined : views;
}

/** Adds the runtime of pillion.yaml where the configuration names none. */
function withModelFile(model: ModelConfig, file: ModelFile | undefined): ModelConfig {
  return { ...model, backend: model.backend ?? file?.runtime.runtime };
}
