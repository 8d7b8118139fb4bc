/** Converts values of a YAML file (nested lists, row by row) to tensors. */
import { Buffer } from 'node:buffer';
import { quote } from '../../config/yaml/problems.ts';
import type { YamlValue } from '../../config/yaml/yaml-document.ts';
import { type DType, typedArrayOf } from '../../core/dtype.ts';
import { formatShape, type Shape, shapeFits } from '../../core/shape.ts';
import type { TensorSpec } from '../../core/signature.ts';
import { BFLOAT16, FLOAT16, toSmallFloat } from '../../core/small-float.ts';
import type { Tensor } from '../../core/tensor.ts';

type Scalar = Exclude<YamlValue, readonly YamlValue[]>;

/** The least and the largest value of each integer dtype. */
const RANGES: Readonly<Partial<Record<DType, readonly [bigint, bigint]>>> = {
  int8: [-128n, 127n],
  int16: [-32768n, 32767n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint8: [0n, 255n],
  uint16: [0n, 65535n],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

/**
 * The default of an input: one row of it (`isRow`), else the whole tensor; or a text that says what is
 * wrong. A row may be written with or without dim 0.
 */
export function rowDefault(value: YamlValue, spec: TensorSpec, isRow: boolean): Tensor | string {
  const tensor = literalTensor(value, spec.dtype);
  if (typeof tensor === 'string') return tensor;
  const { shape } = spec;
  if (!isRow || shape === undefined) {
    if (shapeFits(tensor.shape, shape)) return tensor;
    return `it is ${formatShape(tensor.shape)}, but the input is ${formatShape(shape)}`;
  }
  const row = shape.slice(1);
  if (shapeFits(tensor.shape, row)) return { ...tensor, shape: [1, ...tensor.shape] };
  if (tensor.shape[0] === 1 && shapeFits(tensor.shape.slice(1), row)) return tensor;
  return `it is ${formatShape(tensor.shape)}, but one row of the input is ${formatShape(row)}`;
}

/** The tensor, with the shape of the nested lists; or a text that says what is wrong. */
export function literalTensor(value: YamlValue, dtype: DType): Tensor | string {
  const shape: number[] = [];
  for (let level = value; Array.isArray(level); level = level[0] as YamlValue) {
    shape.push(level.length);
    if (level.length === 0) return 'an empty list has no values; give at least one';
  }
  const scalars: Scalar[] = [];
  if (!flatten(value, shape, 0, scalars)) return 'its lists differ in length or depth; make all rows alike';
  return tensorOf(dtype, shape, scalars);
}

function flatten(value: YamlValue, shape: Shape, level: number, out: Scalar[]): boolean {
  if (typeof value !== 'object') {
    out.push(value);
    return level === shape.length;
  }
  if (value.length !== shape[level]) return false;
  return value.every((each) => flatten(each, shape, level + 1, out));
}

function tensorOf(dtype: DType, shape: Shape, scalars: readonly Scalar[]): Tensor | string {
  const wrong = scalars.find((scalar) => !fits(dtype, scalar));
  if (wrong !== undefined) return `${typeof wrong === 'string' ? quote(wrong) : String(wrong)} is no ${dtype}`;
  if (dtype === 'string') return { dtype, shape, data: scalars.map((scalar) => Buffer.from(scalar as string)) };
  const array = new (typedArrayOf(dtype))(scalars.length);
  scalars.forEach((scalar, i) => {
    if (array instanceof BigInt64Array || array instanceof BigUint64Array) array[i] = scalar as bigint;
    else if (dtype === 'float16') array[i] = toSmallFloat(FLOAT16, Number(scalar));
    else if (dtype === 'bfloat16') array[i] = toSmallFloat(BFLOAT16, Number(scalar));
    else array[i] = Number(scalar);
  });
  return { dtype, shape, data: new Uint8Array(array.buffer) };
}

function fits(dtype: DType, scalar: Scalar): boolean {
  if (dtype === 'string') return typeof scalar === 'string';
  if (dtype === 'bool') return typeof scalar === 'boolean';
  const range = RANGES[dtype];
  if (range === undefined) return typeof scalar === 'number' || typeof scalar === 'bigint';
  return typeof scalar === 'bigint' && scalar >= range[0] && scalar <= range[1];
}
