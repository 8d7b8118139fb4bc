/**
 * Predict, for every surface: finds the model, checks the inputs against its signature and queues the run.
 *
 * Its requests may be recorded: a sample of the answered ones is copied for a log or a recording, and the flight
 * recorder may keep payloads, of failed requests too. A request that was cancelled or whose deadline passed is not
 * recorded, as the surface may have reused its memory by then.
 */
import { ServingError } from '../../core/errors.ts';
import type { ModelSpec, SequenceStep } from '../../core/model-spec.ts';
import type { TensorSpec } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { STAGE_ADMIT } from '../../ledger/stage-clock.ts';
import type { PredictCapture, RequestPart, SampledRequest } from '../../models/serving/sample-point.ts';
import type { RequestContext } from '../request-context.ts';
import { checkInputs, checkOutputFilter, checkStepInputs, rowsIn, type ShapeJudge } from './check-inputs.ts';
import { InferenceCall } from './inference-call.ts';
import type { ModelResolver } from './model-resolver.ts';

export interface PredictRequest {
  readonly modelSpec: ModelSpec;
  readonly inputs: TensorMap;
  /** The outputs to return, in this order; empty for all. */
  readonly outputFilter: readonly string[];
  /** The step of a sequence that it is. Absent = as the request's headers say. */
  readonly sequence?: SequenceStep | undefined;
}

const NO_PARTS: readonly RequestPart[] = [];

export class PredictCall extends InferenceCall<TensorMap> implements ShapeJudge {
  /** The inputs as they were sent: not checked, in no order. */
  protected sent: TensorMap;
  /** Rows of the request that are not in `sent`. */
  protected otherRows = 0;
  /** `sent` has all that was sent; a record has nothing else. */
  protected isSentKnown = true;
  /** A shape is not the declared one, and the graph decides about it. */
  isOddShape = false;
  /** Says what the declared shape is, and how to send it; only with `isOddShape`. */
  #oddShape = '';
  readonly #outputFilter: readonly string[];
  #capture: PredictCapture | undefined;
  #sample: SampledRequest | undefined;

  constructor(resolver: ModelResolver, request: PredictRequest, context: RequestContext) {
    super(resolver, request.modelSpec, context, request.sequence);
    this.sent = request.inputs;
    this.#outputFilter = request.outputFilter;
  }

  /** The rows that are not in `sent`, for a record of the whole request. */
  protected otherParts(): readonly RequestPart[] {
    return NO_PARTS;
  }

  /** The request's field that names outputs, for error texts. */
  protected get outputField(): string {
    return 'output_filter';
  }

  check(): void {
    const { context, served, sent } = this;
    const { signature } = served;
    const { capture, sampler } = this.handle.servable.findings.samplePoint;
    const filter = this.#outputFilter;
    this.#capture = capture;
    context.stages.enter(STAGE_ADMIT, context.now());
    context.cancel.throwIfCancelled();
    const isStep = this.sequence !== undefined;
    const all = (isStep ? served.stepOutputNames : undefined) ?? served.outputNames;
    this.inputs = (isStep ? checkStepInputs : checkInputs)(served, signature, sent, this);
    this.outputs = filter.length === 0 ? all : checkOutputFilter(served, signature, filter, this.outputField);
    context.rows = rowsIn(signature, this.inputs) + this.otherRows;
    // A step cannot be sent again without those before it.
    this.#sample = isStep ? undefined : sampler?.sample();
  }

  onOddShape(error: ServingError, { isShapeStrict }: TensorSpec): void {
    if (isShapeStrict === true || this.served.signature.areShapesChecked === true) throw error;
    if (!this.isOddShape) this.#oddShape = error.message;
    this.isOddShape = true;
  }

  submit(): Promise<TensorMap> {
    const answer = this.isOddShape ? this.#hinted(this.run()) : this.run();
    return this.#capture === undefined && this.#sample === undefined ? answer : this.#recorded(answer);
  }

  override abandon(): void {
    super.abandon();
    this.#record(undefined);
  }

  /** Tells the caller what the signature declares, if the graph refuses the inputs. */
  async #hinted(answer: Promise<TensorMap>): Promise<TensorMap> {
    try {
      return await answer;
    } catch (error) {
      if (!(error instanceof ServingError) || error.kind !== 'invalid_request') throw error;
      throw new ServingError('invalid_request', `${this.#oddShape}. The model refused it: ${error.message}`, {
        cause: error,
      });
    }
  }

  async #recorded(answer: Promise<TensorMap>): Promise<TensorMap> {
    try {
      const outputs = await answer;
      this.#record(outputs);
      return outputs;
    } catch (error) {
      this.#record(undefined);
      throw error;
    }
  }

  /** Copies before it returns. `outputs`: undefined if the request failed. */
  #record(outputs: TensorMap | undefined): void {
    const { context, requested, served, inputs, sent } = this;
    const outputFilter = this.#outputFilter;
    if (context.cancel.isCancelled || !this.isSentKnown) return;
    const others = this.otherParts();
    if (outputs !== undefined && context.fallback === undefined) {
      this.#sample?.onPredict({ requested, served, inputs, outputFilter, outputs });
      for (const part of others) {
        if (part.outputs === undefined) continue;
        this.#sample?.onPredict({ requested, served, inputs: part.inputs, outputFilter, outputs: part.outputs });
      }
    }
    const { sequence } = context;
    this.#capture?.take({ sequence, requested, served, inputs: sent, outputFilter, outputs, others });
  }
}
