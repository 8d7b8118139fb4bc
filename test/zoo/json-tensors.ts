/**
 * TensorFlow Serving's JSON, written here once more, so that a mistake in the server's own is none of ours: tensors to a
 * Predict body, and a Predict answer to tensors.
 */
import { Buffer } from 'node:buffer';
import { typedArrayOf } from '../../src/core/dtype.ts';
import { elementCount } from '../../src/core/shape.ts';
import { FLOAT16, fromSmallFloat, toSmallFloat } from '../../src/core/small-float.ts';
import { elements, type NumericTensor, type Tensor, type TensorMap } from '../../src/core/tensor.ts';

/** A body in columnar format. */
export function predictBody(inputs: TensorMap): Buffer {
  const texts = [...inputs].map(([name, tensor]) => `${JSON.stringify(name)}:${nested(tensor)}`);
  return Buffer.from(`{"inputs":{${texts.join(',')}}}`);
}

function nested(tensor: Tensor): string {
  const texts = elementTexts(tensor);
  const write = (dim: number, from: number, count: number): string => {
    if (dim === tensor.shape.length) return texts[from]!;
    const size = tensor.shape[dim]!;
    const step = count / (size || 1);
    return `[${Array.from({ length: size }, (_, i) => write(dim + 1, from + i * step, step)).join(',')}]`;
  };
  return write(0, 0, texts.length);
}

function elementTexts(tensor: Tensor): readonly string[] {
  if (tensor.dtype === 'string') {
    return tensor.data.map((bytes) => `{"b64":"${Buffer.from(bytes).toString('base64')}"}`);
  }
  if (tensor.dtype === 'bool') return Array.from(tensor.data, (value) => (value === 0 ? 'false' : 'true'));
  return Array.from<number | bigint>(elements(tensor) as Float32Array).map((value) => {
    const number = tensor.dtype === 'float16' ? fromSmallFloat(FLOAT16, Number(value)) : value;
    // JSON.stringify(-0) is 0; numbers that are not finite have their names.
    return Object.is(number, -0) ? '-0.0' : String(number);
  });
}

/** The answer to a body in columnar format. `expected` has the names and the dtypes, which JSON does not tell. */
export function readAnswer(text: string, expected: TensorMap): TensorMap {
  const { outputs } = JSON.parse(quoted(text, expected)) as { outputs: unknown };
  const names = [...expected.keys()];
  const value = (name: string): unknown => (names.length === 1 ? outputs : (outputs as Record<string, unknown>)[name]);
  return new Map(names.map((name) => [name, readTensor(value(name), expected.get(name)!.dtype)]));
}

/** With quotes around what JSON.parse would refuse or round. */
function quoted(text: string, expected: TensorMap): string {
  const dtypes = [...expected.values()].map(({ dtype }) => dtype);
  if (dtypes.includes('string')) return text;
  const named = text.replace(/(?<=[[,:])(?:NaN|-?Infinity)(?=[\],}])/g, '"$&"');
  return dtypes.some((dtype) => dtype.endsWith('int64'))
    ? named.replace(/(?<=[[,:])-?\d{16,}(?=[\],}])/g, '"$&"')
    : named;
}

function readTensor(value: unknown, dtype: Tensor['dtype']): Tensor {
  const shape: number[] = [];
  for (let part = value; Array.isArray(part); part = part[0]) shape.push(part.length);
  const flat = Array.isArray(value) ? value.flat(Infinity) : [value];
  if (flat.length !== elementCount(shape)) throw new Error(`the answer is no tensor: ${flat.length} of ${shape}`);
  if (dtype === 'string') return { dtype, shape, data: flat.map(bytesOf) };
  const array = new (typedArrayOf(dtype))(flat.length);
  for (const [i, element] of flat.entries()) array[i] = numberOf(element, dtype) as never;
  return { dtype, shape, data: new Uint8Array(array.buffer) };
}

function bytesOf(value: unknown): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value);
  return Buffer.from((value as { readonly b64: string }).b64, 'base64');
}

function numberOf(element: unknown, dtype: NumericTensor['dtype']): number | bigint {
  if (dtype.endsWith('int64')) return BigInt(element as string);
  const number = Number(element);
  return dtype === 'float16' ? toSmallFloat(FLOAT16, number) : number;
}
