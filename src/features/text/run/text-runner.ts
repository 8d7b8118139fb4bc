/**
 * The layer of a version that takes texts: turns a request of texts into runs of tokens, and their outputs into the
 * task's.
 *
 *   texts ─▶ checked, equal ones once ─▶ tokenizer's process ─▶ parts by length ─▶ scheduler ─▶ task ─▶ answer
 *
 * It stands above the scheduler and below the views: the view of texts names TEXT_RUN as its graph's signature.
 */
import type { Clock } from '../../../core/clock.ts';
import type { SharedError } from '../../../core/errors.ts';
import { invalidRequest, ServingError } from '../../../core/errors.ts';
import { atOnce, inSlices, type Steps } from '../../../core/in-slices.ts';
import type { Signature } from '../../../core/signature.ts';
import { areLargerThan, numericTensor, type Tensor, type TensorMap } from '../../../core/tensor.ts';
import { RunnerAbove } from '../../../models/serving/runner-above.ts';
import type { ServableRequest, ServableRunner } from '../../../models/serving/servable.ts';
import type { TaskContext } from '../../../scheduler/task.ts';
import type { Encoded } from '../exported/text-model.ts';
import { classesOf, type TextSettings } from '../files/settings.ts';
import { floatReader } from '../tasks/output-floats.ts';
import type { Task, TaskModel, TaskReader } from '../tasks/task.ts';
import { type Part, runParts } from './part-runs.ts';
import { charactersOfPrompt, type RequestTexts, readTexts } from './read-texts.ts';
import { spanAttributes } from './span-attributes.ts';
import { mostTokensOf, partsOf } from './token-parts.ts';

/** The name by which the view of texts reaches this layer; no graph has such a signature. */
export const TEXT_RUN = 'texts of serving_default';

/** Texts of more bytes are read over several turns of the event loop. */
const LARGE_BYTES = 128 * 1024;
/** Inputs of the graph with more tokens are made over several turns. */
const LARGE_TOKENS = 2 ** 15;
/** Numbers that are read in one turn of the event loop. */
const STEP_NUMBERS = 2 ** 18;

export interface TextRunnerOptions {
  /** The model's name, as it is configured. */
  readonly name: string;
  readonly model: TaskModel;
  readonly task: Task;
  /** The graph's own signature, as it shares runs now. */
  readonly signature: Signature;
  readonly clock: Clock;
  /** Counts the tokens of a request. */
  readonly onTokens: (tokens: number) => void;
}

export class TextRunner extends RunnerAbove {
  readonly #options: TextRunnerOptions;
  /** Requests that are tokenized are not queued below yet. */
  readonly #open = new Set<Promise<TensorMap>>();

  constructor(inner: ServableRunner, options: TextRunnerOptions) {
    super(inner);
    this.#options = options;
  }

  submit(request: ServableRequest): Promise<TensorMap> {
    if (request.signatureName !== TEXT_RUN) return this.inner.submit(request);
    const answer = this.#answer(request);
    this.#open.add(answer);
    const leave = (): boolean => this.#open.delete(answer);
    answer.then(leave, leave);
    return answer;
  }

  refusalOf(signatureName: string, context: TaskContext): SharedError | undefined {
    const { signatureName: graph } = this.#options.model.binding;
    return this.inner.refusalOf?.(signatureName === TEXT_RUN ? graph : signatureName, context);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#open);
    await this.inner.close();
  }

  async #answer({ inputs, outputs, context }: ServableRequest): Promise<TensorMap> {
    const { name, model, task, signature, clock, onTokens } = this.#options;
    const { settings, tokenizer, binding } = model;
    const { cancel } = context;
    const reading = readTexts(inputs, settings);
    const texts = areLargerThan(inputs, LARGE_BYTES) ? await inSlices(reading) : atOnce(reading);
    cancel.throwIfCancelled();
    const { rows, rowOf, dimensions } = texts;
    const options = { hasOffsets: task.hasOffsets, mostTokens: settings.limits.tokens };
    const encoded = await tokenizer.encode(rows, options, context);
    cancel.throwIfCancelled();
    checkTexts(texts, inputs, encoded, settings);
    onTokens(encoded.reduce((sum, { ids }) => sum + ids.length, 0));
    const tokens = rowOf.reduce((sum, row) => sum + encoded[row]!.ids.length, 0);
    context.attributes = spanAttributes({ task: settings.task, model: name, tokens, dimensions });
    const reader = task.open({ encoded, rowOf, dimensions, wanted: new Set(outputs), user: context });
    const making = partsOf(encoded, { signature, binding, settings });
    const parts = tokens > LARGE_TOKENS ? await inSlices(making) : atOnce(making);
    await runParts(parts, context, {
      ...{ inner: this.inner, signatureName: binding.signatureName, outputs: [binding.output], clock },
      mostTokens: mostTokensOf(binding),
      take: (part, given) => taken(reader, part, given.get(binding.output)!, encoded, model),
    });
    const made = await reader.finish();
    return new Map(outputs.map((output) => [output, made.get(output) ?? countsOf(encoded, rowOf)]));
  }
}

/** Throws for texts that are too long, or have no tokens. */
function checkTexts(
  { rows, rowOf, isStrict }: RequestTexts,
  inputs: TensorMap,
  encoded: readonly Encoded[],
  settings: TextSettings,
): void {
  for (let i = 0; i < rowOf.length; i++) {
    const { cutAt } = encoded[rowOf[i]!]!;
    if (cutAt === -1 || !isStrict[i]) continue;
    const own = cutAt - charactersOfPrompt(inputs, i, settings);
    throw tooManyTokens(i, rows[rowOf[i]!]!.pair !== undefined, own, settings);
  }
  const empty = encoded.findIndex(({ ids }) => ids.length === 0);
  if (empty !== -1) throw invalidRequest(`text ${rowOf.indexOf(empty)} has no tokens; send a text with some`);
}

/** `cutAt`: the end, in the text itself, of the tokens that there is room for, if the end of texts is cut. */
function tooManyTokens(text: number, isPair: boolean, cutAt: number, { maxTokens, cuts }: TextSettings): ServingError {
  const which = isPair ? `text ${text} and its pair have` : `text ${text} has`;
  const has = `${which} more than ${maxTokens} tokens, the most that the model takes`;
  // Both texts of a pair decide which one is cut.
  if (isPair || cuts === 'left') return invalidRequest(`${has}; send less, or "truncate": true`);
  if (cutAt <= 0) return invalidRequest(`${has}, and its prompt takes them all; send another, or none`);
  return invalidRequest(`${has}: they end at character ${cutAt}; cut it there, or send "truncate": true`);
}

function countsOf(encoded: readonly Encoded[], rowOf: readonly number[]): Tensor {
  return numericTensor(
    'int32',
    [rowOf.length],
    Int32Array.from(rowOf, (row) => encoded[row]!.ids.length),
  );
}

/** Gives the rows of a part to the task: large ones over several turns of the event loop. */
function taken(
  reader: TaskReader,
  part: Part,
  output: Tensor,
  encoded: readonly Encoded[],
  model: TaskModel,
): void | Promise<void> {
  const steps = rowSteps(reader, part, output, encoded, model);
  return output.data.length <= STEP_NUMBERS * Float32Array.BYTES_PER_ELEMENT ? atOnce(steps) : inSlices(steps);
}

function* rowSteps(
  reader: TaskReader,
  { rows, length }: Part,
  output: Tensor,
  encoded: readonly Encoded[],
  { settings, binding }: TaskModel,
): Steps<void> {
  const width = output.shape.at(-1)!;
  const perRow = binding.rank === 3 ? length * width : width;
  const wanted = [rows.length, ...(binding.rank === 3 ? [length] : []), classesOf(settings) ?? width];
  if (wanted.length !== output.shape.length || wanted.some((size, dim) => size !== output.shape[dim])) {
    const given = `output "${binding.output}" of the model has the shape [${output.shape.join(', ')}]`;
    throw new ServingError('backend_failed', `${given}, and [${wanted.join(', ')}] is wanted; its owner must mend it`);
  }
  const floats = floatReader(output);
  let read = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const padded = settings.padsLeft && binding.rank === 3 ? length - encoded[row]!.ids.length : 0;
    reader.take(row, floats(i * perRow, perRow), 0, width, padded);
    read += perRow;
    if (read < STEP_NUMBERS) continue;
    read = 0;
    yield;
  }
}
