/**
 * Finds the rows after a Reshape.
 *
 * In memory a tensor with a batch axis is `front` blocks of B rows, each of them in one piece: front × B × inner, where
 * front is the product of all dims before the axis and of what was merged in front. A Reshape moves nothing in memory.
 * So the rows are in the dim of the new shape where the product of the dims before it divides `front`, and the dim
 * itself is a multiple of the rest of `front` times B. The products of all dims are equal: that is proved where the graph
 * computes the shape, since ONNX Runtime's optimizer replaces one dim that it does not know by -1, which fits any. It
 * knows numbers, and dims of the data that stay at their place. So where it does not know a dim behind the rows, the rows
 * are not the one.
 */
import type { NodeCall } from './node-call.ts';
import {
  dividedBy,
  type Element,
  isDim,
  isFreeOfRows,
  isNumber,
  isSameSize,
  numberOf,
  ONE,
  productOf,
  type Size,
  times,
} from './size.ts';
import { type Known, mixed, type Rows, rows, same, undecided } from './value.ts';

/** The shape wanted; a number -1 is what is left. */
export type Target = readonly Element[];

export function reshape(call: NodeCall, x: Known, target: Target): Known {
  const total = x.dims && productOf(x.dims);
  const open = target.findIndex((size) => numberOf(size) === -1);
  const rest = open < 0 ? undefined : dividedBy(total, productOf(target.toSpliced(open, 1)));
  const wanted = open < 0 ? target : target.with(open, rest);
  const isProved = open >= 0 || target.every(isNumber) || isSameSize(productOf(target), total);
  if (x.kind === 'rows') {
    const reshaped = reshapedRows(call, x, wanted, open);
    if (isProved || hasUnknownBehind(x, target, reshaped.axis.at)) return reshaped;
    throw undecided('its shape may have another number of elements');
  }
  if (wanted.some((size, i) => i !== open && !isFreeOfRows(size))) {
    throw undecided('its shape depends on the number of rows, its data does not');
  }
  return same(wanted.map((size) => (isProved && size !== undefined && isDim(size) ? size : call.unknownDim())));
}

/** `open` is the place of the dim that was -1. */
function reshapedRows(call: NodeCall, x: Rows, wanted: Target, open: number): Rows {
  let front = times(productOf(x.dims.slice(0, x.axis.at)), x.axis.outer);
  for (let at = 0; at < wanted.length; at++) {
    const size = wanted[at];
    const inner = dividedBy(size, times(front, call.batch));
    if (size !== undefined && front !== undefined && inner !== undefined && isDim(size)) {
      const dims = wanted.map((dim, i) => (i === at ? size : i < at ? dim! : dimBehind(call, dim, i === open)));
      return rows(dims, { at, outer: front, inner });
    }
    const left = dividedBy(front, size);
    if (left === undefined || !isDim(size!)) throw straddles(x, size);
    front = left;
  }
  throw straddles(x, ONE);
}

/** Whether the optimizer does not know a dim behind the rows at `at`. */
function hasUnknownBehind({ dims }: Rows, target: Target, at: number): boolean {
  return target.some((size, i) => i > at && !isNumber(size) && !isSameSize(size, dims[i]));
}

/** A dim behind the rows. */
function dimBehind(call: NodeCall, size: Element, isOpen: boolean): Size {
  // The rows are found, so what is left for an open dim has no part in them.
  if (size === undefined && isOpen) return call.unknownDim();
  if (!isFreeOfRows(size)) throw undecided('its shape depends on the number of rows in two dims');
  return isDim(size) ? size : call.unknownDim();
}

function straddles(x: Rows, size: Element): Error {
  if (isNumber(size) && x.dims.slice(x.axis.at + 1).every(isNumber)) {
    return mixed(`its shape cuts the rows at a dim of ${size.factor}`);
  }
  return undecided('its shape may cut the rows');
}
