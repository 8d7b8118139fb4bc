/**
 * The signature of an ONNX model, `serving_default`, from ONNX Runtime's metadata of its inputs and outputs.
 *
 * A model cannot be loaded if an input is not a tensor (but a sequence or map) or has an element type that the server
 * lacks. Optional tensors are served as tensors (optional-types.ts). Such an *output* is left out of the signature if others remain, and named.
 */
import { DTYPES } from '../../core/dtype.ts';
import { ServingError } from '../../core/errors.ts';
import type { TensorSpec } from '../../core/signature.ts';
import type { ValueMetadata } from '../../internals/ort-library.ts';
import type { TensorMetadata } from '../batch-axis.ts';
import type { FileFacts } from './model-source.ts';

/** The inputs. Throws `load_failed` if one is neither a tensor nor an optional one. */
export function inputTensors(
  metadata: readonly ValueMetadata[],
  { optionals }: Pick<FileFacts, 'optionals'>,
): readonly TensorMetadata[] {
  return metadata.map((value) => {
    const tensor = tensorOf(value) ?? (value.isTensor ? undefined : optionals.get(value.name));
    if (tensor !== undefined) return tensor;
    throw new ServingError(
      'load_failed',
      `input "${value.name}" is ${describe(value)}, which cannot be served; export the model with plain tensors`,
    );
  });
}

/** The outputs that are tensors. Throws `load_failed` if none is. */
export function outputTensors(metadata: readonly ValueMetadata[]): readonly TensorMetadata[] {
  const tensors = metadata.map(tensorOf).filter((tensor) => tensor !== undefined);
  if (tensors.length > 0) return tensors;
  const all = metadata.map((value) => `"${value.name}" is ${describe(value)}`).join(', ');
  throw new ServingError('load_failed', `no output can be served: ${all}; export the model with a plain tensor`);
}

/** One text for each output that `outputTensors` leaves out. */
export function leftOutTexts(metadata: readonly ValueMetadata[]): readonly string[] {
  return metadata
    .filter((value) => tensorOf(value) === undefined)
    .map((value) => `output "${value.name}" is ${describe(value)}: it is not served; export it as a plain tensor`);
}

/** The specs of inputs by name, in the model's order. ORT compares the dims of each with its metadata, if there are any. */
export function inputSpecs(tensors: readonly TensorMetadata[], facts: FileFacts): ReadonlyMap<string, TensorSpec> {
  const strict = { isShapeStrict: true };
  return new Map(
    tensors.map((tensor) => [tensor.name, { ...specOf(tensor, facts), ...(tensor.dims.length > 0 && strict) }]),
  );
}

/** The specs of outputs by name, in the model's order. */
export function outputSpecs(tensors: readonly TensorMetadata[], facts: FileFacts): ReadonlyMap<string, TensorSpec> {
  return new Map(tensors.map((tensor) => [tensor.name, specOf(tensor, facts)]));
}

function specOf(tensor: TensorMetadata, { scalars, notes }: FileFacts): TensorSpec {
  const dimNames = tensor.dims.map((dim) => (typeof dim === 'string' ? dim : ''));
  const isNamed = dimNames.some((name) => name !== '');
  const { dtype, name: tensorName } = tensor;
  const note = notes.get(tensorName);
  const shape = scalars.has(tensorName) ? [] : shapeOf(tensor);
  const isColumn = shape?.length === 2 && shape[1] === 1;
  const named = { ...(isNamed && { dimNames }), ...(note && { note }), ...(isColumn && { isColumn }) };
  const spec = { dtype, shape, tensorName, ...named };
  // ORT's binding passes strings as NUL-terminated UTF-8.
  return tensor.dtype === 'string' ? { ...spec, isText: true } : spec;
}

/** Undefined where ORT's metadata has no dims: for any rank, and for scalars (declared-scalars.ts). */
function shapeOf(tensor: TensorMetadata): readonly number[] | undefined {
  if (tensor.dims.length === 0) return undefined;
  return tensor.dims.map((dim) => (typeof dim === 'number' ? dim : -1));
}

function tensorOf(value: ValueMetadata): TensorMetadata | undefined {
  if (!value.isTensor) return undefined;
  const dtype = DTYPES.find((known) => known === value.type);
  return dtype && { name: value.name, dtype, dims: value.shape };
}

function describe(value: ValueMetadata): string {
  return value.isTensor ? `a tensor of ${value.type}` : 'a sequence, a map or an optional';
}
