/** Compares an answer with the recorded one, by the rule of core/close-numbers.ts. */
import { Buffer } from 'node:buffer';
import { isClose, numbersOf, RELATIVE_TOLERANCE } from '../../core/close-numbers.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import { formatShape, shapesEqual } from '../../core/shape.ts';
import type { NumericTensor, StringTensor, Tensor, TensorMap } from '../../core/tensor.ts';

/** An error shows so many bytes of a string. */
const SHOWN_BYTES = 60;

/** The first difference, with output, element and both values; undefined if there is none. */
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

/** Are these two float32 equal by that rule? */
export function float32sAgree(got: number, recorded: number): boolean {
  return got === recorded || isClose(got, recorded, RELATIVE_TOLERANCE.float32!);
}

/** The bytes as an error shows them: quoted text, cut. */
export function showBytes(bytes: Uint8Array): string {
  return quoteName(new TextDecoder().decode(bytes.subarray(0, SHOWN_BYTES)));
}

interface Difference {
  /** The element's number, row-major. */
  readonly index: number;
  readonly shown: readonly [got: string, recorded: string];
}

function stringDifference(got: StringTensor, want: StringTensor): Difference | undefined {
  for (let i = 0; i < want.data.length; i++) {
    const [a, b] = [got.data[i]!, want.data[i]!];
    if (Buffer.compare(a, b) === 0) continue;
    return { index: i, shown: [showBytes(a), showBytes(b)] };
  }
  return undefined;
}

function numberDifference(got: NumericTensor, want: NumericTensor): Difference | undefined {
  const relative = RELATIVE_TOLERANCE[want.dtype];
  const [a, b] = [numbersOf(got), numbersOf(want)];
  for (let i = 0; i < b.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    if (x === y || (relative !== undefined && isClose(Number(x), Number(y), relative))) continue;
    return { index: i, shown: [String(x), String(y)] };
  }
  return undefined;
}

/** The element's place in its tensor, such as "[2,0]". */
function formatIndex(index: number, shape: readonly number[]): string {
  const place: number[] = [];
  let rest = index;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    place.unshift(rest % shape[axis]!);
    rest = Math.floor(rest / shape[axis]!);
  }
  return `[${place.join(',')}]`;
}
