/**
 * Loads versions that are ensembles: their directory has a pillion.yaml with `ensemble`, and no model, or the model's
 * config.pbtxt has ensemble_scheduling. All other versions go to the loader below.
 *
 * An ensemble is checked against the signatures of its members, so its load waits until they are available: it rejects
 * with `model_not_ready`, and the version loader tries it again soon.
 */
import type { ModelConfig } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import type { Executor } from '../../core/executor.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import { DEFAULT_SIGNATURE_NAME, type Signature } from '../../core/signature.ts';
import type { EnsembleSource, ReportEnsemble, StepDeclaration } from '../../models/loading/declared-ensemble.ts';
import type { KindParts } from '../../models/loading/version-kind.ts';
import type { LoadServable } from '../../models/loading/version-loader.ts';
import type { FileKeys } from '../../models/model-file/file-key.ts';
import { loadModelFile } from '../../models/model-file/load-model-file.ts';
import { TRY_OUT } from '../../models/model-file/try-out-schema.ts';
import { DeclaredSignatureRunner, withDeclaredSignatures } from '../../models/serving/declared-signature-runner.ts';
import { LoadFindings } from '../../models/serving/load-findings.ts';
import { Servable, type ServableRunner } from '../../models/serving/servable.ts';
import { WHY_NOT_READY } from '../../models/serving/why-not-ready.ts';
import type { EnsembleGraph } from './ensemble-graph.ts';
import { ENSEMBLE } from './ensemble-key.ts';
import { EnsembleMembers, type MemberDirectory } from './ensemble-members.ts';
import { planEnsemble } from './ensemble-plan.ts';
import { PLAN } from './ensemble-report.ts';
import { EnsembleRunner } from './ensemble-runner.ts';
import { MODEL_RUNS } from './model-runs.ts';

export interface EnsembleLoadOptions extends KindParts {
  readonly clock: Clock;
  readonly graph: EnsembleGraph;
  /** Finds the ensemble that a model's configuration declares. */
  readonly ensembleOf: (model: ModelConfig) => EnsembleSource | undefined;
  /** Most runs of models for one request of an ensemble. */
  readonly maxRuns: number;
}

/** A loader that loads ensembles itself, and everything else by `load`. */
export function withEnsembles(load: LoadServable, options: EnsembleLoadOptions): LoadServable {
  return async (model, version, directory, signal) => {
    const { graph, ensembleOf, fileKeys } = options;
    const source = ensembleOf(model) ?? (await ensembleInFile(directory, fileKeys));
    if (source === undefined) {
      graph.set(model.name, []);
      return await load(model, version, directory, signal);
    }
    graph.set(
      model.name,
      source.declared.steps.map((step) => step.model),
    );
    return await loadEnsemble({ model, version, versionDirectory: directory }, source, options);
  };
}

/** True if the version's file says that it is an ensemble, which has no weights. False also where it cannot be read. */
export async function isEnsemble(_model: ModelConfig, directory: string, keys: FileKeys): Promise<boolean> {
  const source = await ensembleInFile(directory, keys).catch(() => undefined);
  return source !== undefined;
}

async function ensembleInFile(directory: string, keys: FileKeys): Promise<EnsembleSource | undefined> {
  const file = await loadModelFile(directory, keys);
  const declared = file?.valueOf(ENSEMBLE);
  if (file === undefined || declared === undefined) return undefined;
  return {
    declared,
    report: (problem, ...keys) => file.report(ENSEMBLE, problem, ...keys),
    views: async (signatures) => file.views(signatures),
    complete: (servable) => {
      if (file.tryOut !== undefined) servable.facts.set(TRY_OUT, file.tryOut);
    },
  };
}

interface EnsembleVersion {
  readonly model: ModelConfig;
  readonly version: bigint;
  readonly versionDirectory: string;
}

async function loadEnsemble(
  { model, version, versionDirectory }: EnsembleVersion,
  source: EnsembleSource,
  options: EnsembleLoadOptions,
): Promise<Servable> {
  const { clock, scheduler, maxTensorBytes, thread, graph, maxRuns } = options;
  const { declared, report } = source;
  const models = options.models();
  const circle = graph.circleOf(model.name);
  if (circle !== undefined) report(`the ensemble is a member of itself: ${circle.join(' → ')}`, 'steps');
  const members = declared.steps.map((step, i) =>
    circle === undefined ? memberOf(step, i, models, report) : undefined,
  );
  const modelRuns = members.reduce((sum, member) => sum + (member?.modelRuns ?? 1), 0);
  if (modelRuns > maxRuns) report(tooManyRuns(modelRuns, maxRuns), 'steps');
  const plan = planEnsemble(
    declared,
    members.map((member) => member?.signature),
    report,
  );
  const signatures = new Map([[DEFAULT_SIGNATURE_NAME, plan.signature]]);
  const views = await source.views(signatures);
  const lent = new EnsembleMembers(models, plan.tensors);
  const runner = new EnsembleRunner(plan, lent, clock, maxRuns);
  const viewed = views.size === 0 ? runner : new DeclaredSignatureRunner(runner, views, maxTensorBytes, thread);
  const findings = new LoadFindings();
  const { facts } = findings;
  const warn = (warning: string): void => findings.addWarning(warning);
  const layered = { model, version, isComposed: true, signatures, facts, warn };
  const outer = options.layers.requests.reduce((inner: ServableRunner, layer) => layer(inner, layered), viewed);
  const servable = new Servable(model.name, version, withDeclaredSignatures(signatures, views), outer, findings);
  findings.runtime = { kind: 'ensemble', choice: undefined };
  findings.maxBatchSize = findings.configuredRows = scheduler.maxBatchSize;
  facts.set(PLAN, plan);
  facts.set(MODEL_RUNS, modelRuns);
  facts.set(WHY_NOT_READY, () => lent.whyNotReady(plan.steps));
  source.complete(servable);
  try {
    await options.prepare?.({ model, servable, versionDirectory, executor: NO_RUNTIME, signatures, scheduler });
    return servable;
  } catch (error) {
    await servable.unload();
    throw error;
  }
}

function tooManyRuns(runs: number, most: number): string {
  const those = `one request would take ${runs} runs of models, those of ensembles in it counted`;
  return `${those}, and --max_ensemble_runs allows ${most}; leave steps out, or raise it`;
}

interface Member {
  readonly signature: Signature;
  /** Runs of models that a request for it takes. */
  readonly modelRuns: number;
}

/** Undefined if the step's model or signature is unknown, and reported. Throws `model_not_ready` if it may come. */
function memberOf(
  { model, version, signature = DEFAULT_SIGNATURE_NAME }: StepDeclaration,
  index: number,
  models: MemberDirectory,
  report: ReportEnsemble,
): Member | undefined {
  if (!models.modelNames.includes(model)) {
    report(`there is no model ${quoteName(model)}; there are ${listNames(models.modelNames)}`, 'steps', index, 'model');
    return undefined;
  }
  const { servable } = borrowed(model, version, models);
  const found = servable.signatures.get(signature);
  if (found === undefined) {
    const known = listNames(servable.signatures.keys());
    report(
      `model ${quoteName(model)} has no signature ${quoteName(signature)}; it has: ${known}`,
      'steps',
      index,
      'signature',
    );
  }
  if (found?.kept?.whyStep !== undefined) {
    report(
      `model ${quoteName(model)} answers steps of sequences alone, and a step of an ensemble is none`,
      'steps',
      index,
      'model',
    );
  }
  return found && { signature: found, modelRuns: servable.facts.get(MODEL_RUNS) ?? 1 };
}

/** Given back at once: only its signatures are read. */
function borrowed(model: string, version: bigint | undefined, models: MemberDirectory) {
  try {
    const handle = models.acquire(model, { version });
    handle.release();
    return handle;
  } catch (thrown) {
    const { kind, message, attributes: own } = toServingError(thrown);
    // It may be loaded later; until then the start does not wait for the ensemble.
    const attributes = { memberFailed: kind !== 'model_not_ready' || own?.['memberFailed'] === true };
    throw new ServingError('model_not_ready', `it waits for a member: ${message}`, { attributes });
  }
}

/** Warm-up and golden requests go through the ensemble's runner; there is nothing of its own to sweep. */
const NO_RUNTIME: Executor = {
  slots: 1,
  isElsewhere: true,
  allocate: (byteLength) => new ArrayBuffer(byteLength),
  release: () => undefined,
  run: () => Promise.reject(new ServingError('unsupported', 'an ensemble has no runtime of its own')),
};
