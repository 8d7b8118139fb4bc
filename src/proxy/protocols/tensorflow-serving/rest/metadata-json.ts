/**
 * Writes GetModelMetadata's answer as TensorFlow Serving does, with `notes` and `columns` (core/columns/told-columns.ts) beside the
 * signatures if there are any: the signatures are in a map in a message in a map ("signature_def" twice), 64-bit integers are strings, defaults are printed. The signature_name of model_spec is
 * always empty.
 */
import { Buffer } from 'node:buffer';
import { dataTypeNameOf } from '../../../../codec/tensorflow/tensor-proto/tf-dtype.ts';
import { toldColumns } from '../../../../core/columns/told-columns.ts';
import type { DType } from '../../../../core/dtype.ts';
import type { ModelMetadata } from '../../../../core/model-metadata.ts';
import type { Signature, TensorSpec } from '../../../../core/signature.ts';
import { elements, type Tensor } from '../../../../core/tensor.ts';

export function metadataJson(metadata: ModelMetadata): string {
  const { name, version, signatures, notes = [] } = metadata;
  const columns = toldColumns(signatures);
  return JSON.stringify({
    model_spec: { name, signature_name: '', version: version.toString() },
    metadata: {
      signature_def: { signature_def: mapValues(signatures, signatureDef) },
      ...(notes.length > 0 && { notes }),
      ...(columns && { columns }),
    },
  });
}

function signatureDef(signature: Signature): object {
  return {
    inputs: mapValues(signature.inputs, tensorInfo),
    outputs: mapValues(signature.outputs, tensorInfo),
    method_name: signature.methodName,
    defaults: mapValues(signature.defaults ?? new Map<string, Tensor>(), tensorJson),
  };
}

/** The field of TensorProto that holds the elements, by dtype. */
const VALUE_NAMES: Readonly<Record<DType, string>> = {
  float32: 'float_val',
  float64: 'double_val',
  float16: 'half_val',
  bfloat16: 'half_val',
  int8: 'int_val',
  int16: 'int_val',
  int32: 'int_val',
  uint8: 'int_val',
  uint16: 'int_val',
  int64: 'int64_val',
  uint32: 'uint32_val',
  uint64: 'uint64_val',
  bool: 'bool_val',
  string: 'string_val',
};

/** A TensorProto as protobuf's JSON writes it, with the one element field of its dtype. */
function tensorJson(tensor: Tensor): object {
  const dim = tensor.shape.map((size) => ({ size: size.toString(), name: '' }));
  return {
    dtype: dataTypeNameOf(tensor.dtype),
    tensor_shape: { dim, unknown_rank: false },
    version_number: 0,
    [VALUE_NAMES[tensor.dtype]]: valuesJson(tensor),
  };
}

/** Bytes are base64; 64-bit integers, NaN and infinities are strings. */
function valuesJson(tensor: Tensor): readonly unknown[] {
  if (tensor.dtype === 'string') return tensor.data.map((bytes) => Buffer.from(bytes).toString('base64'));
  const numbers: readonly (number | bigint)[] = [...elements(tensor)];
  return numbers.map((value) => {
    if (tensor.dtype === 'bool') return value !== 0;
    return typeof value === 'bigint' || !Number.isFinite(value) ? value.toString() : value;
  });
}

function tensorInfo({ dtype, shape, tensorName }: TensorSpec): object {
  const dim = (shape ?? []).map((size) => ({ size: size.toString(), name: '' }));
  return {
    dtype: dataTypeNameOf(dtype),
    tensor_shape: { dim, unknown_rank: shape === undefined },
    name: tensorName,
  };
}

function mapValues<T>(map: ReadonlyMap<string, T>, convert: (value: T) => object): object {
  // fromEntries makes "__proto__" an ordinary key; numeric keys come first, as in any JSON object of JavaScript.
  return Object.fromEntries([...map].map(([name, value]) => [name, convert(value)]));
}
