/**
 * Converts tensors, and their specs, to and from TensorFlow.js's.
 *
 * TensorFlow.js has float32, int32, bool and string. A tensor of another type in a graph's signature is served, and
 * shown in the metadata, as the type in which TensorFlow.js computes it: int64 as int32, float16 as float32. So no
 * conversion truncates a client's numbers.
 */
import type { DType } from '../../core/dtype.ts';
import { ServingError } from '../../core/errors.ts';
import type { TensorSpec } from '../../core/signature.ts';
import { elements, numericTensor, type Tensor } from '../../core/tensor.ts';
import type { JsonTensorInfo } from './json-model-file.ts';
import type { TfjsDType, TfjsLibrary, TfjsShape, TfjsTensor } from './tfjs-library.ts';

const TFJS_DTYPES: readonly TfjsDType[] = ['float32', 'int32', 'bool', 'string'];

/** TensorFlow's type, by name or number → the type in which TensorFlow.js computes. */
const COMPUTED_AS: Readonly<Record<string, TfjsDType>> = {
  DT_FLOAT: 'float32',
  DT_DOUBLE: 'float32',
  DT_HALF: 'float32',
  DT_INT32: 'int32',
  DT_INT64: 'int32',
  DT_INT16: 'int32',
  DT_INT8: 'int32',
  DT_UINT8: 'int32',
  DT_BOOL: 'bool',
  DT_STRING: 'string',
  1: 'float32',
  2: 'float32',
  19: 'float32',
  3: 'int32',
  9: 'int32',
  5: 'int32',
  6: 'int32',
  4: 'int32',
  10: 'bool',
  7: 'string',
};

/** The spec of a tensor in a graph's signature. Throws `unsupported` for a type that TensorFlow.js lacks. */
export function specOfSignature(name: string, { dtype = 'DT_FLOAT', tensorShape }: JsonTensorInfo): TensorSpec {
  const computed = COMPUTED_AS[dtype];
  if (computed === undefined) throw unsupported(name, String(dtype));
  const isAnyRank = tensorShape === undefined || tensorShape.unknownRank === true;
  const shape = isAnyRank ? undefined : (tensorShape.dim ?? []).map(({ size = 0 }) => Number(size));
  return { dtype: computed, shape, tensorName: name };
}

/** The spec of a tensor of a loaded model. Throws `unsupported` for complex numbers. */
export function specOfModel(name: string, dtype: string, shape: TfjsShape | null | undefined): TensorSpec {
  const known = TFJS_DTYPES.find((each) => each === dtype);
  if (known === undefined) throw unsupported(name, dtype);
  return { dtype: known, shape: shape?.map((dim) => dim ?? -1), tensorName: name };
}

/** `tensor` has a type of TensorFlow.js. Its bytes must not change until the result is disposed of. */
export function toTfjs(tf: TfjsLibrary, tensor: Tensor): TfjsTensor {
  const { shape, dtype } = tensor;
  return tf.tensor(tensor.dtype === 'string' ? tensor.data : elements(tensor), shape, dtype as TfjsDType);
}

/** Copies the tensor: TensorFlow.js's data may be an input's, or be freed with the tensor. */
export function fromTfjs(tf: TfjsLibrary, tensor: TfjsTensor): Tensor {
  const { dtype, shape } = tensor;
  if (dtype === 'string') {
    const elements = tf.backend().readSync(tensor.dataId);
    return { dtype, shape, data: elements.map((bytes) => new Uint8Array(bytes)) };
  }
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') {
    return numericTensor(dtype as Exclude<DType, 'string'>, shape, tensor.dataSync().slice());
  }
  throw new ServingError('backend_failed', `the model gave a tensor of ${dtype}, which cannot be exchanged`);
}

function unsupported(name: string, dtype: string): ServingError {
  return new ServingError('unsupported', `"${name}" is ${dtype}, which TensorFlow.js cannot compute with here`);
}
