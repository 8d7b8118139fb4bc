/**
 * MultiInference, for every surface: several classify and regress signatures of one model on the same examples.
 *
 * The first task picks the version. Signatures that read the examples alike share one run; others run one after another.
 */
import { ServingError } from '../../core/errors.ts';
import type { Classifications, Regressions } from '../../core/inference-results.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import type { ModelSpec, ResolvedModelSpec } from '../../core/model-spec.ts';
import { CLASSIFY_METHOD_NAME, DEFAULT_SIGNATURE_NAME, REGRESS_METHOD_NAME } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { ServableRunner } from '../../models/servable.ts';
import type { ServedSignature } from '../../models/served-signature.ts';
import type { SampledRequest } from '../../models/tap-point.ts';
import { STAGE_ADMIT } from '../../telemetry/stage-clock.ts';
import type { RequestContext } from '../request-context.ts';
import { checkInputs } from './check-inputs.ts';
import { classifications, classifyOutputs } from './classify.ts';
import { exampleInputs } from './examples.ts';
import type { PredictHandler } from './predict.ts';
import type { PredictTarget } from './predict-target.ts';
import { regressions, regressOutputs } from './regress.ts';
import { writeDown } from './run-examples.ts';

/** What a servable takes; the scheduler's own name for it. */
type SchedulerRequest = Parameters<ServableRunner['submit']>[0];

export interface InferenceTask {
  /** Undefined where the task has none. */
  readonly modelSpec: ModelSpec | undefined;
  readonly methodName: string;
}

export interface InferenceResult {
  readonly modelSpec: ResolvedModelSpec;
  readonly result: Classifications | Regressions;
}

/** A task whose signature has been found and checked. */
interface Planned {
  readonly requested: ModelSpec;
  readonly served: ServedSignature;
  readonly isClassify: boolean;
  readonly outputs: readonly string[];
}

/** In the order of the tasks. `examples` are serialized, the context merged. Rejects with ServingError. */
export async function multiInference(
  handler: PredictHandler,
  tasks: readonly InferenceTask[],
  examples: readonly Uint8Array[],
  context: RequestContext,
): Promise<readonly InferenceResult[]> {
  const spec = tasks[0]?.modelSpec;
  if (spec === undefined) {
    const which = tasks.length === 0 ? 'the request has no task' : 'the first task has no model_spec';
    throw invalid(`ModelSpec has no name specified: ${which}; send tasks with the name of a served model`);
  }
  const target = handler.resolve(spec, context, 'invalid_request');
  try {
    const planned = plan(target, spec.name, tasks);
    context.stages.enter(STAGE_ADMIT, context.now());
    context.cancel.throwIfCancelled();
    context.rows = examples.length;
    const requests = planned.map(({ served, outputs }): SchedulerRequest => {
      const { signature, signatureName } = served;
      const inputs = checkInputs(served, signature, exampleInputs(signature, examples));
      return { signatureName, inputs, outputs, context };
    });
    const { runner, tapPoint } = target.handle.servable;
    const sample = tapPoint.tap?.sample();
    // The version is held until the last run has begun: it must not close between two of them.
    const given = await submitAll(runner, requests);
    const results = planned.map((task, i) => resultOf(task, given[i]!, examples.length));
    if (sample !== undefined) writeDownTasks(sample, context, examples, planned, results);
    return results;
  } finally {
    target.release();
  }
}

function writeDownTasks(
  sample: SampledRequest,
  context: RequestContext,
  examples: readonly Uint8Array[],
  planned: readonly Planned[],
  results: readonly InferenceResult[],
): void {
  const tasks = planned.map(({ requested, served }, i) => ({ requested, served, result: results[i]!.result }));
  writeDown(sample, context, { type: 'multi_inference', examples, tasks });
}

function submitAll(runner: ServableRunner, requests: readonly SchedulerRequest[]): Promise<readonly TensorMap[]> {
  return runner.submitTogether?.(requests) ?? oneAfterAnother(runner, requests);
}

async function oneAfterAnother(
  runner: ServableRunner,
  requests: readonly SchedulerRequest[],
): Promise<readonly TensorMap[]> {
  const given: TensorMap[] = [];
  for (const request of requests) given.push(await runner.submit(request));
  return given;
}

function resultOf({ served, isClassify }: Planned, outputs: TensorMap, rows: number): InferenceResult {
  const result = isClassify ? classifications(served, outputs, rows) : regressions(served, outputs, rows);
  return { modelSpec: served, result };
}

function plan(target: PredictTarget, model: string, tasks: readonly InferenceTask[]): readonly Planned[] {
  const seen = new Set<string>();
  return tasks.map((task, i) => {
    const requested = checkModel(task.modelSpec, model, i);
    const signatureName = requested.signatureName || DEFAULT_SIGNATURE_NAME;
    if (seen.has(signatureName)) {
      throw invalid(`two tasks evaluate the signature ${quoteName(signatureName)}; send one task for each signature`);
    }
    seen.add(signatureName);
    return { requested, ...planTask(target, signatureName, task.methodName) };
  });
}

function checkModel(spec: ModelSpec | undefined, model: string, index: number): ModelSpec {
  if (spec === undefined || spec.name === '') {
    throw invalid(`model_spec.name of task ${index} is empty; send ${quoteName(model)}, the first task's`);
  }
  if (spec.name === model) return spec;
  throw invalid(
    `task ${index} asks for the model ${quoteName(spec.name)}, but the first for ${quoteName(model)}; all tasks of a MultiInference are for one model`,
  );
}

function planTask({ handle }: PredictTarget, signatureName: string, methodName: string): Omit<Planned, 'requested'> {
  const { servable } = handle;
  const served = servable.served.get(signatureName);
  if (served === undefined) {
    throw invalid(
      `model "${servable.name}" version ${servable.version} has no signature ${quoteName(signatureName)}; it has: ${listNames(servable.signatures.keys())}`,
    );
  }
  if (methodName === CLASSIFY_METHOD_NAME) {
    return { served, isClassify: true, outputs: classifyOutputs(served, served.signature, servable.signatures) };
  }
  if (methodName === REGRESS_METHOD_NAME) {
    return { served, isClassify: false, outputs: regressOutputs(served, served.signature, servable.signatures) };
  }
  throw new ServingError(
    'unsupported',
    `method_name ${quoteName(methodName)} is none of MultiInference's; send "${CLASSIFY_METHOD_NAME}" or "${REGRESS_METHOD_NAME}"`,
  );
}

function invalid(message: string): ServingError {
  return new ServingError('invalid_request', message);
}
