/**
 * Requests with tf.Examples (tensorflow_serving/apis/classification.proto, regression.proto, inference.proto,
 * input.proto), read.
 *
 * Examples are counted and kept as views of the message. They are not decoded: that is the model's task, as with
 * tensorflow.serving.SerializedInput. A context is put in front of each example.
 */
import { Buffer } from 'node:buffer';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { lengthDelimited, WireReader } from '../protobuf/wire-reader.ts';
import { ExampleCount, withContext } from './example/example-count.ts';
import { missingModelSpec, readModelSpec } from './model-spec-codec.ts';

/** ClassificationRequest and RegressionRequest {1 model_spec, 2 input}; MultiInferenceRequest {1 tasks, 2 input}. */
const MODEL_SPEC = 1;
const TASKS = 1;
const INPUT = 2;

/** InferenceTask {1 model_spec, 2 method_name}. */
const METHOD_NAME = 2;

/** Input {1 example_list or 2 example_list_with_context}. */
const EXAMPLE_LIST = 1;
const EXAMPLE_LIST_WITH_CONTEXT = 2;

/** ExampleList {1 examples}, ExampleListWithContext {1 examples, 2 context}. */
const EXAMPLES = 1;
const CONTEXT = 2;

/** The examples of a request. */
export interface Examples {
  /** Serialized tf.Examples, with the context merged in. */
  readonly examples: readonly Uint8Array[];
  /** The first example that is no text, if known, as StringTensor has it. */
  readonly notTextAt?: number;
}

export interface ExamplesRequest extends Examples {
  readonly modelSpec: ModelSpec;
}

/** One task of a MultiInference. */
export interface InferenceTask {
  /** Undefined if the message has none. */
  readonly modelSpec: ModelSpec | undefined;
  readonly methodName: string;
}

export interface MultiInferenceRequest extends Examples {
  readonly tasks: readonly InferenceTask[];
}

/**
 * Reads the ClassificationRequest or RegressionRequest that `what` names. `maxBytes` limits examples and contexts
 * together. `absent` replaces a missing model_spec. Throws `too_large` and `invalid_request`.
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

/** Reads a MultiInferenceRequest. `maxBytes` and errors are those of `readExamplesRequest`. */
export function readMultiInferenceRequest(message: Uint8Array, maxBytes: number): MultiInferenceRequest {
  const reader = new WireReader(message, 'MultiInferenceRequest');
  const input = new InputReader(maxBytes);
  const tasks: InferenceTask[] = [];
  while (reader.next()) {
    if (reader.tag === lengthDelimited(TASKS)) {
      if (tasks.push(readTask(reader)) > MAX_TASKS) throw tooManyTasks();
    } else if (reader.tag === lengthDelimited(INPUT)) input.read(reader);
    else reader.skip();
  }
  return { tasks, examples: input.merged() };
}

/** Each evaluates a signature of its own. */
const MAX_TASKS = 1000;

function tooManyTasks(): ServingError {
  return invalidRequest(`the request has more than ${MAX_TASKS} tasks; send one for each signature`);
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

/** An Input in one part or several, merged as protobuf does: the last of two kinds of list counts. */
class InputReader {
  readonly #maxBytes: number;
  readonly #count: ExampleCount;
  #kind = 0;
  #examples: Uint8Array[] = [];
  /** The parts of the context. */
  #contexts: Uint8Array[] = [];

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#count = new ExampleCount(maxBytes);
  }

  /** Reads the part before which `reader` is. */
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
    const contexts = this.#contexts;
    return withContext(this.#examples, contexts.length > 1 ? Buffer.concat(contexts) : contexts[0], this.#maxBytes);
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
        (isContext ? this.#contexts : this.#examples).push(reader.bytesField());
      } else reader.skip();
    }
    reader.leave(outer);
  }
}
