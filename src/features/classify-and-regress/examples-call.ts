/**
 * Classify and Regress: one run of a signature on tf.Examples. MultiInference shares the functions below.
 *
 * The signature has one string input, which takes the examples as they were serialized. A model without a parser of its
 * own has a servable that reads them by the features that its pillion.yaml declares. To the runner it is a Predict; a
 * record of it is a Classify or Regress.
 */
import type { Examples, ExamplesRequest } from '../../codec/tensorflow/example-input-reader.ts';
import { invalidRequest } from '../../core/errors.ts';
import { describeSignature, listNames, quoteName } from '../../core/list-names.ts';
import type { ResolvedModelSpec } from '../../core/model-spec.ts';
import type { Signature } from '../../core/signature.ts';
import type { StringTensor, TensorMap } from '../../core/tensor.ts';
import { STAGE_ADMIT } from '../../ledger/stage-clock.ts';
import type { SampledRequest } from '../../models/serving/sample-point.ts';
import { checkInputs, rowsIn } from '../../proxy/handlers/check-inputs.ts';
import { InferenceCall } from '../../proxy/handlers/inference-call.ts';
import type { ModelResolver } from '../../proxy/handlers/model-resolver.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import type { Classifications, ExamplesGiven, Regressions } from './inference-results.ts';
import { type InferenceExchange, sampleMessages } from './sample-messages.ts';

/** The difference between Classify and Regress. */
export interface ExamplesMethod<Result extends Classifications | Regressions> {
  readonly type: 'classify' | 'regress';
  /** The outputs to compute. Throws `invalid_request` for a signature that is not for this method. */
  outputsOf(model: ResolvedModelSpec, signature: Signature, all: Signatures): readonly string[];
  /** The answer from those outputs. Throws `invalid_request` if they are not what the method wants. */
  resultOf(model: ResolvedModelSpec, outputs: TensorMap, rows: number): Result;
}

export class ExamplesCall<Result extends Classifications | Regressions> extends InferenceCall<ExamplesGiven<Result>> {
  readonly #method: ExamplesMethod<Result>;
  readonly #request: ExamplesRequest;
  #sample: SampledRequest | undefined;

  constructor(
    method: ExamplesMethod<Result>,
    resolver: ModelResolver,
    request: ExamplesRequest,
    context: RequestContext,
  ) {
    super(resolver, request.modelSpec, context);
    this.#method = method;
    this.#request = request;
  }

  override resolve(): void {
    super.resolve('invalid_request');
  }

  check(): void {
    const { context, served } = this;
    const { signature } = served;
    const { signatures, findings } = this.handle.servable;
    this.outputs = this.#method.outputsOf(served, signature, signatures);
    this.#sample = findings.samplePoint.sampler?.sample();
    context.stages.enter(STAGE_ADMIT, context.now());
    context.cancel.throwIfCancelled();
    this.inputs = checkInputs(served, signature, exampleInputs(signature, this.#request));
    context.rows = rowsIn(signature, this.inputs);
  }

  async submit(): Promise<ExamplesGiven<Result>> {
    const { examples } = this.#request;
    const outputs = await this.run();
    const { served, requested, context } = this;
    const { type } = this.#method;
    const result = this.#method.resultOf(served, outputs, examples.length);
    if (this.#sample !== undefined) {
      recordSample(this.#sample, context, { type, examples, tasks: [{ requested, served, result }] });
    }
    return { modelSpec: served, result };
  }
}

/** Records a sampled request that was answered by its own model: logs and warm-up files hold answered requests only. */
export function recordSample(sample: SampledRequest, context: RequestContext, exchange: InferenceExchange): void {
  // The surface may have reused the request's memory once the request was cancelled.
  if (!context.cancel.isCancelled && context.fallback === undefined) sample.onMessages(sampleMessages(exchange));
}

/** The signatures of one version, by name. */
export type Signatures = ReadonlyMap<string, Signature>;

/** Throws `invalid_request` if the signature takes no examples; the text names the signatures that do. */
export function checkTakesExamples(model: ResolvedModelSpec, signature: Signature, all: Signatures): void {
  if (takesExamples(signature)) return;
  const { inputs } = signature;
  const [first] = inputs;
  const what =
    inputs.size === 1
      ? `the input ${quoteName(first![0])} of ${first![1].dtype}`
      : `the ${inputs.size} inputs ${listNames(inputs.keys())}`;
  const others = [...all].filter(([, each]) => takesExamples(each)).map(([name]) => name);
  const fix =
    others.length > 0
      ? `name one that does in signature_name: ${listNames(others)}`
      : 'declare a signature with features in the pillion.yaml beside the model, or send tensors with Predict';
  throw invalidRequest(
    `${describeSignature(model)} takes no examples, which want one string input: it has ${what}; ${fix}`,
  );
}

function takesExamples({ inputs }: Signature): boolean {
  const [first] = inputs;
  return inputs.size === 1 && first![1].dtype === 'string';
}

/** The input tensor of a signature that takes examples. Throws `invalid_request` if there is no example. */
export function exampleInputs(signature: Signature, { examples, notTextAt }: Examples): TensorMap {
  if (examples.length === 0) {
    throw invalidRequest('Input is empty: there is no example; send at least one');
  }
  const [name] = signature.inputs.keys();
  const tensor: StringTensor = { dtype: 'string', shape: [examples.length], data: examples };
  return new Map([[name!, notTextAt === undefined ? tensor : { ...tensor, notTextAt }]]);
}
