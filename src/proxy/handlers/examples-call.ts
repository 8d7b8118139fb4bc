/**
 * One run of a signature that takes examples, for Classify and Regress. It is a Predict to the runner, but what is written
 * down of it is the Classify or Regress.
 */
import type { Classifications, ExamplesGiven, Regressions } from '../../core/inference-results.ts';
import type { ModelSpec, ResolvedModelSpec } from '../../core/model-spec.ts';
import type { Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { InferenceExchange, SampledRequest } from '../../models/serving/tap-point.ts';
import { STAGE_ADMIT } from '../../telemetry/stage-clock.ts';
import type { RequestContext } from '../request-context.ts';
import { checkInputs } from './check-inputs.ts';
import { exampleInputs, type Signatures } from './examples.ts';
import { InferenceCall, type PredictHandler } from './inference-call.ts';

/** What a Classify or Regress says. */
export interface ExamplesAsked {
  readonly modelSpec: ModelSpec;
  /** Serialized, the context merged. */
  readonly examples: readonly Uint8Array[];
}

export abstract class ExamplesCall<Result extends Classifications | Regressions> extends InferenceCall<
  ExamplesGiven<Result>
> {
  protected abstract readonly type: 'classify' | 'regress';
  readonly #examples: readonly Uint8Array[];
  #sample: SampledRequest | undefined;

  constructor(handler: PredictHandler, { modelSpec, examples }: ExamplesAsked, context: RequestContext) {
    super(handler, modelSpec, context);
    this.#examples = examples;
  }

  /** What to ask the model for. Throws `invalid_request` for a signature that is not for this method. */
  protected abstract wantedOutputs(model: ResolvedModelSpec, signature: Signature, all: Signatures): readonly string[];

  /** Of those outputs, checked: whether the model kept what its signature says. Throws `invalid_request`. */
  protected abstract resultOf(model: ResolvedModelSpec, outputs: TensorMap, rows: number): Result;

  override resolve(): void {
    super.resolve('invalid_request');
  }

  check(): void {
    const { context, served } = this;
    const { signature } = served;
    const { signatures, tapPoint } = this.handle.servable;
    const examples = this.#examples;
    this.outputs = this.wantedOutputs(served, signature, signatures);
    this.#sample = tapPoint.tap?.sample();
    context.stages.enter(STAGE_ADMIT, context.now());
    context.cancel.throwIfCancelled();
    this.inputs = checkInputs(served, signature, exampleInputs(signature, examples));
    context.rows = signature.batchAxis.kind === 'none' ? 1 : examples.length;
  }

  async submit(): Promise<ExamplesGiven<Result>> {
    const examples = this.#examples;
    const outputs = await this.run();
    const { served, requested, context, type } = this;
    const result = this.resultOf(served, outputs, examples.length);
    if (this.#sample !== undefined) {
      writeDown(this.#sample, context, { type, examples, tasks: [{ requested, served, result }] });
    }
    return { modelSpec: served, result };
  }
}

/** Copies a sampled request that has its answer. Requests that fail are not: a log or a warm-up file is of answers. */
export function writeDown(sample: SampledRequest, context: RequestContext, exchange: InferenceExchange): void {
  // Once it is cancelled the surface may have lent the request's memory to the next one.
  if (!context.cancel.isCancelled && context.fallback === undefined) sample.onInference(exchange);
}
