/**
 * ClassificationRequest, RegressionRequest and MultiInferenceRequest (tensorflow_serving/apis) for records of requests,
 * on every surface. example-input-reader.ts reads them.
 *
 * A context has been merged into each example, so the examples are an ExampleList.
 */

import { lengthDelimitedSize, message, messageField, WireWriter } from '../../codec/protobuf/wire-writer.ts';
import { encodeRequestedSpec } from '../../codec/tensorflow/model-spec-codec.ts';
import type { ModelSpec } from '../../core/model-spec.ts';

/** ClassificationRequest and RegressionRequest {1 model_spec, 2 input}; MultiInferenceRequest {1 tasks, 2 input}. */
const MODEL_SPEC = 1;
const TASKS = 1;
const INPUT = 2;
/** InferenceTask {1 model_spec, 2 method_name}. */
const METHOD_NAME = 2;
/** Input {1 example_list {1 examples}}. */
const EXAMPLE_LIST = 1;
const EXAMPLES = 1;

/** An InferenceTask that has a model spec. */
export interface WrittenTask {
  readonly modelSpec: ModelSpec;
  readonly methodName: string;
}

/** A ClassificationRequest or a RegressionRequest, which are the same on the wire. */
export function writeExamplesRequest(spec: ModelSpec, examples: readonly Uint8Array[]): Uint8Array {
  return message(messageField(MODEL_SPEC, encodeRequestedSpec(spec)), writeInput(examples));
}

/** All tasks share the examples. */
export function writeMultiInferenceRequest(tasks: readonly WrittenTask[], examples: readonly Uint8Array[]): Uint8Array {
  const fields = tasks.map(({ modelSpec, methodName }) => {
    const spec = messageField(MODEL_SPEC, encodeRequestedSpec(modelSpec));
    return messageField(TASKS, message(spec, messageField(METHOD_NAME, methodName)));
  });
  return message(...fields, writeInput(examples));
}

function writeInput(examples: readonly Uint8Array[]): Uint8Array {
  let listSize = 0;
  for (const { byteLength } of examples) listSize += lengthDelimitedSize(EXAMPLES, byteLength);
  const inputSize = lengthDelimitedSize(EXAMPLE_LIST, listSize);
  const writer = new WireWriter(lengthDelimitedSize(INPUT, inputSize));
  writer.head(INPUT, inputSize);
  writer.head(EXAMPLE_LIST, listSize);
  for (const example of examples) {
    writer.head(EXAMPLES, example.byteLength);
    writer.bytes(example);
  }
  return writer.buffer;
}
