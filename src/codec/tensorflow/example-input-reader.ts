/**
 * The requests that carry tf.Examples (tensorflow_serving/apis/classification.proto, regression.proto, inference.proto,
 * input.proto) → what the handlers take.
 *
 * Examples are counted and kept as views of the message, not decoded: what is in them is the model's matter
 * (tensorflow.serving.SerializedInput is the same idea). A context is put in front of each example.
 */

import type { InferenceTask } from '../../core/inference-results.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { lengthDelimited, WireReader } from '../protobuf/wire-reader.ts';
import { ExampleCount, withContext } from './example/example-count.ts';
import { missingModelSpec, readModelSpec } from './model-spec-codec.ts';

/** The same numbers in both requests of one model spec; a MultiInferenceRequest has tasks for the first. */
const MODEL_SPEC = 1;
const TASKS = 1;
const INPUT = 2;

/** InferenceTask {1 model_spec, 2 method_name}. */
const METHOD_NAME = 2;

/** Input: one of these two. */
const EXAMPLE_LIST = 1;
const EXAMPLE_LIST_WITH_CONTEXT = 2;

/** ExampleList {1 examples}, ExampleListWithContext {1 examples, 2 context}. */
const EXAMPLES = 1;
const CONTEXT = 2;

export interface ExamplesRequest {
  readonly modelSpec: ModelSpec;
  readonly examples: readonly Uint8Array[];
}

export interface MultiInferenceRequest {
  readonly tasks: readonly InferenceTask[];
  readonly examples: readonly Uint8Array[];
}

/**
 * ClassificationRequest or RegressionRequest, which `what` names. `maxBytes` bounds what examples and contexts may take
 * together. Throws `invalid_request` and `too_large`. `absent` stands for a model_spec that is not there; without it that
 * is `invalid_request`.
 */
export function readExamplesRequest(
  message: Uint8Array,
  what: string,
  maxBytes: number,
  absent?: ModelSpec,
): ExamplesRequest {
  const reader = new WireReader(message, what);
  const input = new InputReader(maxBytes);
  let modelSpec: ModelSpec | undefined;
  while (reader.next()) {
    if (reader.tag === lengthDelimited(MODEL_SPEC)) modelSpec = readModelSpec(reader, modelSpec);
    else if (reader.tag === lengthDelimited(INPUT)) input.read(reader);
    else reader.skip();
  }
  modelSpec ??= absent;
  if (modelSpec === undefined) throw missingModelSpec(what);
  return { modelSpec, examples: input.merged() };
}

/** The same for a MultiInferenceRequest. */
export function readMultiInferenceRequest(message: Uint8Array, maxBytes: number): MultiInferenceRequest {
  const reader = new WireReader(message, 'MultiInferenceRequest');
  const input = new InputReader(maxBytes);
  const tasks: InferenceTask[] = [];
  while (reader.next()) {
    if (reader.tag === lengthDelimited(TASKS)) tasks.push(readTask(reader));
    else if (reader.tag === lengthDelimited(INPUT)) input.read(reader);
    else reader.skip();
  }
  return { tasks, examples: input.merged() };
}

function readTask(reader: WireReader): InferenceTask {
  const outer = reader.enter();
  let modelSpec: ModelSpec | undefined;
  let methodName = '';
  while (reader.next()) {
    if (reader.tag === lengthDelimited(MODEL_SPEC)) modelSpec = readModelSpec(reader, modelSpec);
    else if (reader.tag === lengthDelimited(METHOD_NAME)) methodName = reader.string();
    else reader.skip();
  }
  reader.leave(outer);
  return { modelSpec, methodName };
}

/** An Input in one part or several, as protobuf merges them: of two kinds the last one counts. */
class InputReader {
  readonly #maxBytes: number;
  readonly #count: ExampleCount;
  #kind = 0;
  #examples: Uint8Array[] = [];
  /** A context in several parts is their bytes one after another. */
  #contexts: Uint8Array[] = [];

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#count = new ExampleCount(maxBytes);
  }

  /** Reads the part that `reader` stands before. */
  read(reader: WireReader): void {
    const outer = reader.enter();
    while (reader.next()) {
      const isKind =
        reader.tag === lengthDelimited(EXAMPLE_LIST) || reader.tag === lengthDelimited(EXAMPLE_LIST_WITH_CONTEXT);
      if (isKind) this.#readList(reader, reader.field);
      else reader.skip();
    }
    reader.leave(outer);
  }

  /** The examples with the context in front of each. */
  merged(): readonly Uint8Array[] {
    if (this.#contexts.length === 0) return this.#examples;
    return withContext(this.#examples, joined(this.#contexts), this.#maxBytes);
  }

  #readList(reader: WireReader, kind: number): void {
    if (this.#kind !== kind) {
      this.#kind = kind;
      this.#examples = [];
      this.#contexts = [];
    }
    const outer = reader.enter();
    while (reader.next()) {
      const isContext = kind === EXAMPLE_LIST_WITH_CONTEXT && reader.tag === lengthDelimited(CONTEXT);
      if (isContext || reader.tag === lengthDelimited(EXAMPLES)) {
        this.#count.add();
        const length = reader.length();
        const bytes = reader.view(reader.position, reader.position + length);
        reader.position += length;
        (isContext ? this.#contexts : this.#examples).push(bytes);
      } else reader.skip();
    }
    reader.leave(outer);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
