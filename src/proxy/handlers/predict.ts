/**
 * Predict, for every surface: find the model, check what was sent against its signature, queue it, give the outputs.
 *
 * Its requests may be watched: a sample of those that are answered is copied (a log, a recording), and the flight recorder
 * may keep payloads, of those that failed too. None is kept that was cancelled or whose deadline passed: the surface may
 * have lent its memory to the next request by then.
 */
import type { ModelSpec } from '../../core/model-spec.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { PredictCapture, SampledRequest } from '../../models/serving/tap-point.ts';
import { STAGE_ADMIT } from '../../telemetry/stage-clock.ts';
import type { RequestContext } from '../request-context.ts';
import { checkInputs, checkOutputFilter } from './check-inputs.ts';
import { InferenceCall, type PredictHandler } from './inference-call.ts';

/** What a Predict says. */
export interface PredictAsked {
  readonly modelSpec: ModelSpec;
  readonly inputs: TensorMap;
  /** The outputs to give, in this order; empty = all of them. */
  readonly outputFilter: readonly string[];
}

export class PredictCall extends InferenceCall<TensorMap> {
  /** As they were sent: not checked, in no order. */
  protected sent: TensorMap;
  readonly #outputFilter: readonly string[];
  #capture: PredictCapture | undefined;
  #sample: SampledRequest | undefined;

  constructor(handler: PredictHandler, { modelSpec, inputs, outputFilter }: PredictAsked, context: RequestContext) {
    super(handler, modelSpec, context);
    this.sent = inputs;
    this.#outputFilter = outputFilter;
  }

  check(): void {
    const { context, served, sent } = this;
    const { signature } = served;
    const { capture, tap } = this.handle.servable.tapPoint;
    const filter = this.#outputFilter;
    this.#capture = capture;
    context.stages.enter(STAGE_ADMIT, context.now());
    context.cancel.throwIfCancelled();
    this.inputs = checkInputs(served, signature, sent);
    this.outputs = filter.length === 0 ? served.outputNames : checkOutputFilter(served, signature, filter);
    const first = this.inputs.values().next().value;
    context.rows = signature.batchAxis.kind === 'none' ? 1 : (first?.shape[0] ?? 1);
    this.#sample = tap?.sample();
  }

  submit(): Promise<TensorMap> {
    const answer = this.run();
    return this.#capture === undefined && this.#sample === undefined ? answer : this.#watched(answer);
  }

  override abandon(): void {
    super.abandon();
    this.#keep(undefined);
  }

  /** The same answer. */
  async #watched(answer: Promise<TensorMap>): Promise<TensorMap> {
    try {
      const outputs = await answer;
      this.#keep(outputs);
      return outputs;
    } catch (error) {
      this.#keep(undefined);
      throw error;
    }
  }

  /** Copies are made before this returns. `outputs`: undefined if it failed. */
  #keep(outputs: TensorMap | undefined): void {
    const { context, requested, served, inputs, sent } = this;
    const outputFilter = this.#outputFilter;
    if (context.cancel.isCancelled) return;
    if (outputs !== undefined && context.fallback === undefined) {
      this.#sample?.onPredict({ requested, served, inputs, outputFilter, outputs });
    }
    this.#capture?.take({ sequence: context.sequence, requested, served, inputs: sent, outputFilter, outputs });
  }
}
