/**
 * Inputs and outputs that an ONNX model declares as scalars. ONNX Runtime's metadata has no dims for them, and none for
 * tensors of any rank either.
 */
import { fieldsOf, GRAPH, graphFieldsOf, textOf } from './graph/proto/message-fields.ts';

const VALUE_TYPE = 2;
const TYPE_TENSOR = 1;
const TENSOR_SHAPE = 2;

/** The names of the declared scalars. Throws ServingError for bytes that are no model. */
export function scalarsOf(model: Uint8Array): ReadonlySet<string> {
  const scalars = new Set<string>();
  for (const { number, value } of graphFieldsOf(model)) {
    if (number !== GRAPH.input && number !== GRAPH.output) continue;
    const [shape] = [value].flatMap(below(VALUE_TYPE)).flatMap(below(TYPE_TENSOR)).flatMap(below(TENSOR_SHAPE));
    if (shape?.byteLength === 0) scalars.add(textOf(value, 1));
  }
  return scalars;
}

function below(field: number): (message: Uint8Array) => readonly Uint8Array[] {
  return (message) => [...fieldsOf(message)].filter(({ number }) => number === field).map(({ value }) => value);
}
