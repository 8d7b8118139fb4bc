/**
 * A request of these APIs as a Predict of a text model's own signature: it goes the way of every other. The version is
 * known when it is resolved, after its caller was allowed to ask for the model; only then are its inputs made.
 */
import { Buffer } from 'node:buffer';
import type { CancelSignal } from '../../core/cancel.ts';
import { invalidRequest } from '../../core/errors.ts';
import { inSlices, type Steps } from '../../core/in-slices.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { numericTensor, stringTensor, type Tensor, type TensorMap } from '../../core/tensor.ts';
import type { ModelResolver } from '../../proxy/handlers/model-resolver.ts';
import { PredictCall } from '../../proxy/handlers/predict.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import { checkTextCount } from '../text/exported/text-count.ts';
import { TEXT_INPUTS, TEXT_MODEL, type TextModel, type TextTask, textTensor } from '../text/exported/text-model.ts';
import { textsOfTokens } from './tokens-as-texts.ts';

export interface TextRequest {
  readonly model: ModelSpec;
  readonly task: TextTask;
  /** The outputs that the answer is made of. */
  readonly outputs: readonly string[];
  /** Throws ServingError for what the model cannot do. */
  inputs(model: TextModel): TextInputs;
  /** The body of the answer. Throws ServingError if it cannot be written. */
  answer(outputs: TensorMap, call: TextCall): Steps<Buffer>;
}

/** One element of each a row. */
export interface TextInputs {
  /** Lists of tokens become texts that have just these tokens, before the run. */
  readonly texts: readonly string[] | readonly Int32Array[];
  readonly pairs?: readonly string[] | undefined;
  /** Absent: the model's own way with texts that are too long. */
  readonly truncate?: boolean | undefined;
  /** The name of a prompt. Absent: the model's default. */
  readonly prompt?: string | undefined;
  /** The width of embeddings. Absent: the model's own. */
  readonly dimensions?: number | undefined;
}

const NONE: TensorMap = new Map();

/** Texts of more UTF-16 units are made inputs over several turns of the event loop, so many in each. */
const LARGE_UNITS = 64 * 1024;
const STEP_UNITS = 64 * 1024;

/** The words for each task in errors. */
export const DOES: Readonly<Record<TextTask, string>> = {
  embedding: 'makes embeddings',
  classification: 'classifies texts',
  'token-classification': 'finds entities in texts',
  reranking: 'reranks documents',
  'fill-mask': 'fills masks',
};

export class TextCall extends PredictCall {
  /** Set by `resolve`. */
  model!: TextModel;
  readonly #request: TextRequest;
  /** Makes inputs that take long, before the run. Undefined = all are there. */
  #late: (() => Promise<TensorMap>) | undefined;

  constructor(resolver: ModelResolver, request: TextRequest, context: RequestContext) {
    super(resolver, { modelSpec: request.model, inputs: NONE, outputFilter: request.outputs }, context);
    this.#request = request;
  }

  override resolve(): void {
    super.resolve();
    const { task } = this.#request;
    const { name } = this.handle.servable;
    const model = this.handle.servable.facts.get(TEXT_MODEL);
    if (model === undefined) throw invalidRequest(`model "${name}" takes no texts; name one that ${DOES[task]}`);
    if (model.task !== task) {
      throw invalidRequest(`model "${name}" ${DOES[model.task]}; this path wants one that ${DOES[task]}`);
    }
    this.model = model;
    const { texts, pairs, ...inputs } = this.#request.inputs(model);
    // The query of a ranking is in each row: nothing may be made of too many.
    checkTextCount(model, texts.length, pairs);
    if (areTokens(texts)) this.#late = async () => textColumns(await textsOfTokens(model, texts, this.context));
    else if (isLarge(texts, pairs)) this.#late = () => textColumns(texts, pairs, this.context.cancel);
    else {
      this.sent = tensorsOf({ texts, pairs, ...inputs });
      return;
    }
    this.isSentKnown = false;
    // They are checked by their shapes.
    this.sent = tensorsOf({ texts: texts.map(() => ''), pairs: pairs?.map(() => ''), ...inputs });
  }

  override submit(): Promise<TensorMap> {
    return this.#late === undefined ? super.submit() : this.#submitLater(this.#late);
  }

  answer(outputs: TensorMap): Steps<Buffer> {
    return this.#request.answer(outputs, this);
  }

  async #submitLater(make: () => Promise<TensorMap>): Promise<TensorMap> {
    try {
      const made = await make();
      this.context.cancel.throwIfCancelled();
      this.inputs = new Map([...this.inputs, ...made]);
      this.sent = new Map([...this.sent, ...made]);
      this.isSentKnown = true;
    } catch (error) {
      this.abandon();
      throw error;
    }
    return super.submit();
  }
}

function areTokens(texts: TextInputs['texts']): texts is readonly Int32Array[] {
  return typeof texts[0] === 'object';
}

function isLarge(texts: readonly string[], pairs: readonly string[] = []): boolean {
  const units = (all: readonly string[]): number => all.reduce((sum, { length }) => sum + length, 0);
  return units(texts) + units(pairs) > LARGE_UNITS;
}

/** Texts as inputs, made over several turns of the event loop. */
async function textColumns(
  texts: readonly string[],
  pairs?: readonly string[],
  cancel?: CancelSignal,
): Promise<TensorMap> {
  const columns = new Map<string, Tensor>([[TEXT_INPUTS.text, await inSlices(textSteps(texts, cancel))]]);
  if (pairs !== undefined) columns.set(TEXT_INPUTS.pair, await inSlices(textSteps(pairs, cancel)));
  return columns;
}

/** Throws the cancel reason between two steps. */
function* textSteps(texts: readonly string[], cancel?: CancelSignal): Steps<Tensor> {
  const data: Uint8Array[] = [];
  let units = 0;
  let last: string | undefined;
  for (const text of texts) {
    if (text === last) {
      // The query of a ranking stands in each row: they share its bytes.
      data.push(data.at(-1)!);
      continue;
    }
    last = text;
    data.push(Buffer.from(text));
    units += text.length;
    if (units < STEP_UNITS) continue;
    units = 0;
    yield;
    cancel?.throwIfCancelled();
  }
  return stringTensor([data.length], data);
}

interface SmallInputs extends TextInputs {
  readonly texts: readonly string[];
}

function tensorsOf({ texts, pairs, truncate, prompt, dimensions }: SmallInputs): TensorMap {
  const { length } = texts;
  const inputs = new Map<string, Tensor>([[TEXT_INPUTS.text, textTensor(texts)]]);
  if (pairs !== undefined) inputs.set(TEXT_INPUTS.pair, textTensor(pairs));
  if (prompt !== undefined) {
    const name = Buffer.from(prompt);
    inputs.set(TEXT_INPUTS.prompt, { dtype: 'string', shape: [length], data: Array.from(texts, () => name) });
  }
  if (truncate !== undefined) {
    inputs.set(TEXT_INPUTS.truncate, numericTensor('bool', [length], new Uint8Array(length).fill(Number(truncate))));
  }
  if (dimensions !== undefined) {
    const widths = new BigInt64Array(length).fill(BigInt(dimensions));
    inputs.set(TEXT_INPUTS.dimensions, numericTensor('int64', [length], widths));
  }
  return inputs;
}
