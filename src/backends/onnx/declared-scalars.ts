/**
 * Inputs and outputs that an ONNX model declares as scalars. ONNX Runtime's metadata has no dims for them, and none for
 * tensors of any rank either.
 */
import { fieldsOf, textOf } from './graph/proto/message-fields.ts';

const MODEL_GRAPH = 7;
const GRAPH_INPUT = 11;
const GRAPH_OUTPUT = 12;
const VALUE_TYPE = 2;
const TYPE_TENSOR = 1;
const TENSOR_SHAPE = 2;

/** Their names. Throws ServingError for bytes that are no model. */
export function scalarsOf(model: Uint8Array): ReadonlySet<string> {
  const scalars = new Set<string>();
  for (const graph of valuesOf(model, MODEL_GRAPH)) {
    for (const { number, value } of fieldsOf(graph)) {
      if (number !== GRAPH_INPUT && number !== GRAPH_OUTPUT) continue;
      const [shape] = [value].flatMap(below(VALUE_TYPE)).flatMap(below(TYPE_TENSOR)).flatMap(below(TENSOR_SHAPE));
      if (shape?.byteLength === 0) scalars.add(textOf(value, 1));
    }
  }
  return scalars;
}

function below(field: number): (message: Uint8Array) => readonly Uint8Array[] {
  return (message) => valuesOf(message, field);
}

function valuesOf(message: Uint8Array, field: number): readonly Uint8Array[] {
  return [...fieldsOf(message)].filter(({ number }) => number === field).map(({ value }) => value);
}
