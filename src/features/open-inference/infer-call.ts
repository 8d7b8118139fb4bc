/**
 * ModelInfer, for every form of the protocol: one Predict, which goes the same way as TensorFlow Serving's. Only how
 * the request names its model, its deadline and its priority is the protocol's own.
 *
 *   bytes ─ codec ─▶ InferRequest ─ inferCall ─▶ InferCall ─ exchange ─▶ TensorMap ─ codec ─▶ bytes
 *
 * The exchange's `encode` gets the outputs, in the order in which they were requested, and the call, which has the rest
 * of the answer: `modelName`, `modelVersion`, `id`, `requestedOutputs`.
 */
import { DATATYPES } from '../../codec/open-inference/datatypes.ts';
import type { InferRequest, RequestedOutput } from '../../codec/open-inference/infer-request.ts';
import type { Facts } from '../../core/collections/facts.ts';
import type { DType } from '../../core/dtype.ts';
import type { ServingError } from '../../core/errors.ts';
import { inSlices } from '../../core/in-slices.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { TensorSpec } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { ModelResolver } from '../../proxy/handlers/model-resolver.ts';
import { PredictCall } from '../../proxy/handlers/predict.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import type { RequestLifecycle } from '../../proxy/request-lifecycle.ts';
import { checkRows } from './check-rows.ts';
import { type ClassCounts, type ClassModel, checkClassOutput, classCounts, withClasses } from './classification.ts';
import type { Extension, NamedTensors } from './exported/extension.ts';
import { GIVEN_CONFIG } from './exported/model-config.ts';
import { modelSpecOf } from './exported/model-reference.ts';
import { answerOutputs } from './output-order.ts';
import { type InferSettings, readInferSettings } from './request-parameters.ts';
import type { StraySequences } from './stray-sequences.ts';
import { hasTritonRows } from './triton-config.ts';
import { modelWords, prefixed, sequenceWords, shapeWords, tensorWords } from './triton-words.ts';

/** The parts of InferCalls: one set for a server. */
export interface InferParts {
  readonly resolver: ModelResolver;
  readonly lifecycle: RequestLifecycle;
  /** Finds the tensors that a request does not carry; undefined = it carries all. */
  readonly tensorsOf: Extension['tensorsOf'];
  /** Undefined = a request that names a sequence of a model without state is refused. */
  readonly strays?: StraySequences | undefined;
}

const NO_FILTER: readonly string[] = [];
const NO_LABELS: ClassModel['labels'] = new Map();

/**
 * The call of a request that was read: sets its deadline and priority on `context`, and reads what is in shared memory,
 * much of it in slices. Call it in the exchange's step decode. Throws or rejects with ServingError, or with the cancel
 * reason if the request's timeout has passed.
 */
export function inferCall(
  parts: InferParts,
  request: InferRequest,
  context: RequestContext,
): InferCall | Promise<InferCall> {
  const { resolver, lifecycle, tensorsOf, strays } = parts;
  const spec = modelSpecOf(request.modelName, request.modelVersion);
  const given = readInferSettings(request.parameters);
  const { timeoutMs, priority, signatureName } = given;
  if (priority !== undefined) context.priority = priority;
  if (timeoutMs !== undefined) {
    lifecycle.shorten(context, timeoutMs);
    context.cancel.throwIfCancelled();
  }
  const { name, version, label } = spec;
  const modelSpec = { name, version, label, signatureName: signatureName ?? resolver.soleSignature(spec) };
  const settings = given.sequence === undefined ? given : (strays?.without(given, modelSpec, resolver) ?? given);
  const shared = tensorsOf?.(request, context);
  if (shared === undefined) return new InferCall(resolver, modelSpec, request, context, settings);
  const call = (inputs: TensorMap): InferCall =>
    new InferCall(resolver, modelSpec, { ...request, inputs }, context, settings, shared);
  const inputs = shared.read(request.inputs);
  return inputs instanceof Promise ? inputs.then(call) : call(inputs);
}

export class InferCall extends PredictCall {
  /** The id as it was sent; empty = the answer has none. */
  readonly id: string;
  /** Empty = all outputs, without parameters. */
  readonly requestedOutputs: readonly RequestedOutput[];
  readonly #classes: ClassCounts | undefined;
  readonly #shared: NamedTensors | undefined;

  constructor(
    resolver: ModelResolver,
    modelSpec: ModelSpec,
    { id, inputs, outputs }: InferRequest,
    context: RequestContext,
    { sequence }: InferSettings,
    shared?: NamedTensors,
  ) {
    const outputFilter = outputs.length === 0 ? NO_FILTER : outputs.map(({ name }) => name);
    super(resolver, { modelSpec, inputs, outputFilter, sequence }, context);
    this.id = id;
    this.requestedOutputs = outputs;
    this.#classes = classCounts(outputs);
    this.#shared = shared;
  }

  /** Puts Triton's words in front of PredictCall's refusals. */
  override resolve(): void {
    try {
      super.resolve();
    } catch (thrown) {
      const { requested, resolver, step, context } = this;
      const refusal = sequenceWords(thrown, requested, step);
      throw modelWords(refusal, requested, resolver.models.modelNames, context);
    }
  }

  override check(): void {
    try {
      super.check();
    } catch (thrown) {
      throw tensorWords(thrown, this.served, this.sent, this.requestedOutputs);
    }
    if (this.sent.size > 1) checkRows(this.served.name, this.sent, this.handle!.servable.facts);
    for (const name of this.#classes?.keys() ?? [])
      checkClassOutput(name, this.served.signature.outputs.get(name)!.dtype);
  }

  override onOddShape(error: ServingError, spec: TensorSpec): void {
    const words = this.isOddShape ? undefined : shapeWords(this.served, this.sent);
    super.onOddShape(words === undefined ? error : prefixed(words, error), spec);
  }

  /** Outputs in shared memory are written there, and their tensors have no data then. */
  override submit(): Promise<TensorMap> {
    const outputs = this.#given();
    const shared = this.#shared;
    return shared?.hasOutputs === true ? outputs.then((tensors) => shared.write(tensors)) : outputs;
  }

  #given(): Promise<TensorMap> {
    if (this.#classes === undefined) return super.submit();
    // The outputs are classified while the version is borrowed.
    return this.#classified(super.submit(), this.#classes, this.handle!.servable.facts);
  }

  /** The outputs in the order of the answer. */
  inOrder(outputs: TensorMap): TensorMap {
    return answerOutputs(this.served, outputs, this.requestedOutputs.length > 0);
  }

  /** The model that has answered. */
  get modelName(): string {
    return this.served.name;
  }

  get modelVersion(): string {
    return this.served.versionText;
  }

  dtypeName(dtype: DType): string {
    return DATATYPES[dtype];
  }

  protected override get outputField(): string {
    return 'outputs';
  }

  async #classified(answer: Promise<TensorMap>, classes: ClassCounts, facts: Facts): Promise<TensorMap> {
    const outputs = await answer;
    const hasRows = hasTritonRows(facts, this.served.signature);
    return inSlices(withClasses(outputs, classes, { hasRows, labels: facts.get(GIVEN_CONFIG)?.labels ?? NO_LABELS }));
  }
}
