/**
 * MultiInference, for every surface: several classify and regress signatures of one model on the same examples.
 *
 * The first task chooses the version. Signatures that read the examples alike share one run; others run one after
 * another.
 */
import type { InferenceTask, MultiInferenceRequest } from '../../codec/tensorflow/example-input-reader.ts';
import { invalidRequest, ServingError } from '../../core/errors.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { CLASSIFY_METHOD_NAME, DEFAULT_SIGNATURE_NAME, REGRESS_METHOD_NAME } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { STAGE_ADMIT } from '../../ledger/stage-clock.ts';
import type { SchedulerRequest, Servable, ServableRunner } from '../../models/serving/servable.ts';
import type { ServedSignature } from '../../models/serving/served-signature.ts';
import type { Permit } from '../../proxy/call.ts';
import { checkInputs } from '../../proxy/handlers/check-inputs.ts';
import { InferenceCall } from '../../proxy/handlers/inference-call.ts';
import type { ModelResolver } from '../../proxy/handlers/model-resolver.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import { CLASSIFY } from './classify.ts';
import { type ExamplesMethod, exampleInputs, recordSample } from './examples-call.ts';
import type { Classifications, InferenceResult, Regressions } from './inference-results.ts';
import { REGRESS } from './regress.ts';

type AnyMethod = ExamplesMethod<Classifications | Regressions>;

const METHODS = new Map<string, AnyMethod>([
  [CLASSIFY_METHOD_NAME, CLASSIFY],
  [REGRESS_METHOD_NAME, REGRESS],
]);

/** A task whose signature has been found and checked. */
interface Planned {
  readonly requested: ModelSpec;
  readonly served: ServedSignature;
  readonly method: AnyMethod;
  readonly outputs: readonly string[];
}

/** Its results are in the order of the tasks. */
export class MultiInferenceCall extends InferenceCall<readonly InferenceResult[]> {
  readonly #request: MultiInferenceRequest;
  #planned: readonly Planned[] = [];
  #runs: readonly SchedulerRequest[] = [];

  /** Throws `invalid_request` if the first task names no model. */
  constructor(resolver: ModelResolver, request: MultiInferenceRequest, context: RequestContext) {
    super(resolver, specOf(request.tasks), context);
    this.#request = request;
  }

  override authorize(permit: Permit): void {
    super.authorize(permit);
    for (const { modelSpec } of this.#request.tasks) if (modelSpec !== undefined) permit.permit(modelSpec.name);
  }

  override resolve(): void {
    super.resolve('invalid_request');
  }

  check(): void {
    const { context, requested } = this;
    const { tasks, examples } = this.#request;
    this.#planned = plan(this.handle.servable, requested.name, tasks);
    context.stages.enter(STAGE_ADMIT, context.now());
    context.cancel.throwIfCancelled();
    context.rows = examples.length;
    this.#runs = this.#planned.map(({ served, outputs }): SchedulerRequest => {
      const { signature, signatureName } = served;
      const inputs = checkInputs(served, signature, exampleInputs(signature, this.#request));
      return { signatureName, inputs, outputs, context };
    });
  }

  async submit(): Promise<readonly InferenceResult[]> {
    const { runner, findings } = this.handle.servable;
    const { examples } = this.#request;
    try {
      const sample = findings.samplePoint.sampler?.sample();
      // The version is held until the last run has ended: it must not close between two runs.
      const outputs = await (runner.submitTogether?.(this.#runs) ?? runOneByOne(runner, this.#runs));
      const results = this.#planned.map(({ served, method }, i): InferenceResult => {
        return { modelSpec: served, result: method.resultOf(served, outputs[i]!, examples.length) };
      });
      if (sample !== undefined) {
        const tasks = this.#planned.map(({ requested, served }, i) => ({
          requested,
          served,
          result: results[i]!.result,
        }));
        recordSample(sample, this.context, { type: 'multi_inference', examples, tasks });
      }
      return results;
    } finally {
      this.handle.release();
    }
  }
}

function specOf(tasks: readonly InferenceTask[]): ModelSpec {
  const spec = tasks[0]?.modelSpec;
  if (spec !== undefined) return spec;
  const which = tasks.length === 0 ? 'the request has no task' : 'the first task has no model_spec';
  throw invalidRequest(`ModelSpec has no name specified: ${which}; send tasks with the name of a served model`);
}

async function runOneByOne(
  runner: ServableRunner,
  requests: readonly SchedulerRequest[],
): Promise<readonly TensorMap[]> {
  const outputs: TensorMap[] = [];
  for (const request of requests) outputs.push(await runner.submit(request));
  return outputs;
}

function plan(servable: Servable, model: string, tasks: readonly InferenceTask[]): readonly Planned[] {
  const seen = new Set<string>();
  return tasks.map((task, i) => {
    const requested = checkModel(task.modelSpec, model, i);
    const signatureName = requested.signatureName || DEFAULT_SIGNATURE_NAME;
    if (seen.has(signatureName)) {
      throw invalidRequest(
        `two tasks evaluate the signature ${quoteName(signatureName)}; send one task for each signature`,
      );
    }
    seen.add(signatureName);
    return { requested, ...planTask(servable, signatureName, task.methodName) };
  });
}

function checkModel(spec: ModelSpec | undefined, model: string, index: number): ModelSpec {
  if (spec === undefined || spec.name === '') {
    throw invalidRequest(`model_spec.name of task ${index} is empty; send ${quoteName(model)}, the first task's`);
  }
  if (spec.name === model) return spec;
  throw invalidRequest(
    `task ${index} asks for the model ${quoteName(spec.name)}, but the first for ${quoteName(model)}; all tasks of a MultiInference are for one model`,
  );
}

function planTask(servable: Servable, signatureName: string, methodName: string): Omit<Planned, 'requested'> {
  const served = servable.served.get(signatureName);
  if (served === undefined) {
    throw invalidRequest(
      `model "${servable.name}" version ${servable.version} has no signature ${quoteName(signatureName)}; it has: ${listNames(servable.signatures.keys())}`,
    );
  }
  const method = METHODS.get(methodName);
  if (method !== undefined) {
    return { served, method, outputs: method.outputsOf(served, served.signature, servable.signatures) };
  }
  throw new ServingError(
    'unsupported',
    `method_name ${quoteName(methodName)} is none of MultiInference's; send "${CLASSIFY_METHOD_NAME}" or "${REGRESS_METHOD_NAME}"`,
  );
}
