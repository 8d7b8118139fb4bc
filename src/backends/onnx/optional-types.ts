/**
 * Inputs of the type optional(tensor). ONNX Runtime's metadata says of them that they are no tensors, and its binding for
 * Node takes a tensor for each, so they are served as inputs that every request has. The binding has no value for "none".
 *
 *   ValueInfoProto{ name, type: { optional: { elem_type: { tensor: { elem_type: 1, shape: { dim … } } } } } }
 */
import type { DType } from '../../core/dtype.ts';
import { quoteName } from '../../core/list-names.ts';
import type { TensorMetadata } from '../batch-axis.ts';
import { fieldsOf, GRAPH, graphFieldsOf, intsOf, textOf } from './graph/proto/message-fields.ts';

const VALUE_TYPE = 2;
const TYPE = { tensor: 1, optional: 9 } as const;
const OPTIONAL_TYPE = 1;
const TENSOR = { elements: 1, shape: 2 } as const;
const SHAPE_DIM = 1;
const DIM = { value: 1, name: 2 } as const;

/** TensorProto.DataType of what the binding can exchange. */
const DTYPES: ReadonlyMap<string, DType> = new Map(
  Object.entries({
    ...{ 1: 'float32', 2: 'uint8', 3: 'int8', 4: 'uint16', 5: 'int16', 6: 'int32', 7: 'int64', 8: 'string' },
    ...{ 9: 'bool', 10: 'float16', 11: 'float64', 12: 'uint32', 13: 'uint64' },
  } as const),
);

/** The tensors of such inputs, by name. Throws ServingError for bytes that are no model. */
export function optionalTensorsOf(model: Uint8Array): ReadonlyMap<string, TensorMetadata> {
  const found = new Map<string, TensorMetadata>();
  for (const { number, value } of graphFieldsOf(model)) {
    if (number !== GRAPH.input) continue;
    const [tensor] = [value]
      .flatMap(below(VALUE_TYPE))
      .flatMap(below(TYPE.optional))
      .flatMap(below(OPTIONAL_TYPE))
      .flatMap(below(TYPE.tensor));
    const dtype = tensor && DTYPES.get(intsOf(tensor, TENSOR.elements)[0] ?? '');
    const name = textOf(value, 1);
    if (dtype !== undefined) found.set(name, { name, dtype, dims: dimsOf(tensor!) });
  }
  return found;
}

/** A sentence for people. */
export function optionalNote(name: string): string {
  return (
    `input ${quoteName(name)} is optional in the model, and here each request has to send it: ONNX Runtime's binding for ` +
    'Node has no value for an optional that is not there'
  );
}

function dimsOf(tensor: Uint8Array): readonly (number | string)[] {
  return below(TENSOR.shape)(tensor)
    .flatMap(below(SHAPE_DIM))
    .map((dim) => {
      const [value] = intsOf(dim, DIM.value);
      return value === undefined ? textOf(dim, DIM.name) : Number(value);
    });
}

function below(field: number): (message: Uint8Array) => readonly Uint8Array[] {
  return (message) => [...fieldsOf(message)].filter(({ number }) => number === field).map(({ value }) => value);
}
