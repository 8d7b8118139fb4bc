/**
 * Is an answer the recorded one? Floats may differ by ABSOLUTE + RELATIVE × |recorded|: another machine, batch size or
 * version of the runtime adds in another order. A 16-bit float may differ by two of its last places instead. NaN is equal
 * to NaN, an infinity to itself alone; every other dtype must be equal to the bit.
 */
import type { NumericDType } from '../../core/dtype.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import { formatShape, shapesEqual } from '../../core/shape.ts';
import { BFLOAT16, FLOAT16, fromSmallFloat } from '../../core/small-float.ts';
import { elements, type NumericTensor, type StringTensor, type Tensor, type TensorMap } from '../../core/tensor.ts';

const ABSOLUTE = 1e-5;
const RELATIVE: Readonly<Partial<Record<NumericDType, number>>> = {
  float32: 1e-4,
  float64: 1e-4,
  float16: 2 ** -9,
  bfloat16: 2 ** -6,
};

/** As much of a text as an error shows. */
const SHOWN_BYTES = 60;

/** What differs first, naming output, element and both values; undefined if nothing does. */
export function differenceOf(got: TensorMap, recorded: TensorMap): string | undefined {
  const names = [...recorded.keys()];
  if (names.length !== got.size || names.some((name) => !got.has(name))) {
    return `the answer has the outputs ${listNames(got.keys())}, but ${listNames(names)} were recorded`;
  }
  for (const [name, want] of recorded) {
    const difference = tensorDifference(got.get(name)!, want);
    if (difference !== undefined) return `output ${quoteName(name)} ${difference}`;
  }
  return undefined;
}

function tensorDifference(got: Tensor, want: Tensor): string | undefined {
  if (got.dtype !== want.dtype) return `is ${got.dtype}, but ${want.dtype} was recorded`;
  if (!shapesEqual(got.shape, want.shape)) {
    return `has shape ${formatShape(got.shape)}, but ${formatShape(want.shape)} was recorded`;
  }
  const difference =
    got.dtype === 'string' ? stringDifference(got, want as StringTensor) : numberDifference(got, want as NumericTensor);
  if (difference === undefined) return undefined;
  const { index, shown } = difference;
  return `differs at ${formatIndex(index, got.shape)}: ${shown[0]}, but ${shown[1]} was recorded`;
}

/** Are these two float32 equal by the rule above? */
export function float32sAgree(got: number, recorded: number): boolean {
  return got === recorded || isClose(got, recorded, RELATIVE.float32!);
}

/** As an error shows them: as quoted text, cut. */
export function showBytes(bytes: Uint8Array): string {
  return quoteName(new TextDecoder().decode(bytes.subarray(0, SHOWN_BYTES)));
}

interface Difference {
  /** Among all elements, row-major. */
  readonly index: number;
  readonly shown: readonly [got: string, recorded: string];
}

function stringDifference(got: StringTensor, want: StringTensor): Difference | undefined {
  for (let i = 0; i < want.data.length; i++) {
    const [a, b] = [got.data[i]!, want.data[i]!];
    if (a.length === b.length && a.every((byte, at) => byte === b[at])) continue;
    return { index: i, shown: [showBytes(a), showBytes(b)] };
  }
  return undefined;
}

function numberDifference(got: NumericTensor, want: NumericTensor): Difference | undefined {
  const relative = RELATIVE[want.dtype];
  const [a, b] = [valuesOf(got), valuesOf(want)];
  for (let i = 0; i < b.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    if (x === y || (relative !== undefined && isClose(Number(x), Number(y), relative))) continue;
    return { index: i, shown: [String(x), String(y)] };
  }
  return undefined;
}

function isClose(x: number, y: number, relative: number): boolean {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) && Number.isNaN(y);
  // Of infinities only the same ones are equal, and those were.
  return Number.isFinite(x) && Number.isFinite(y) && Math.abs(x - y) <= ABSOLUTE + relative * Math.abs(y);
}

function valuesOf(tensor: NumericTensor): ArrayLike<number | bigint> {
  const values = elements(tensor);
  if (tensor.dtype !== 'float16' && tensor.dtype !== 'bfloat16') return values;
  const format = tensor.dtype === 'float16' ? FLOAT16 : BFLOAT16;
  return Float64Array.from(values as Uint16Array, (pattern) => fromSmallFloat(format, pattern));
}

/** "[2,0]": the element's place in its tensor. */
function formatIndex(index: number, shape: readonly number[]): string {
  const place: number[] = [];
  let rest = index;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    place.unshift(rest % shape[axis]!);
    rest = Math.floor(rest / shape[axis]!);
  }
  return `[${place.join(',')}]`;
}
