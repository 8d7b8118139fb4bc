/**
 * Rules for small tensors of integers whose elements are followed one by one: how shapes are computed. A rule returns
 * undefined where it does not know the elements; then the rule for data decides.
 */
import {
  add,
  divide,
  equal,
  isFollowed,
  less,
  lessOrEqual,
  MOST_FOLLOWED,
  multiply,
  negate,
  numeric,
  type Operation,
  oneOf,
  remainder,
  subtract,
  where,
  whole,
} from './element-operations.ts';
import { isFloatType } from './graph-proto.ts';
import { axisFromFront, type NodeCall } from './node-call.ts';
import { type Element, integerSymbol, isDim, isFreeOfRows, numberOf, productOf, sizeOf } from './size.ts';
import { type Dims, integers, MOST_ELEMENTS, type Value } from './value.ts';

export type ElementRule = (call: NodeCall) => Value | undefined;

/** A small tensor. */
interface Grid {
  readonly dims: readonly number[];
  readonly elements: readonly Element[];
}

/** The operation's result; one that is not known gets a symbol of its own, unless it may depend on the number of rows. */
function resultOf(call: NodeCall, operation: Operation, operands: readonly Element[]): Element {
  return (
    operation(...operands) ?? (operands.every(isFreeOfRows) ? integerSymbol(call.following.nextName()) : undefined)
  );
}

/** Input `i` as elements with dims. */
export function gridOf(call: NodeCall, i: number): Grid | undefined {
  const value = call.inputs[i];
  if (value === undefined || value.kind === 'rows' || value.kind === 'lost') return undefined;
  const elements = call.following.elements(value);
  const dims = value.dims?.map(numberOf);
  if (elements === undefined || !dims?.every((dim) => dim !== undefined)) return undefined;
  return { dims, elements };
}

export function gridValue(dims: readonly number[], elements: readonly Element[]): Value {
  return integers(
    dims.map((dim) => sizeOf(dim)),
    elements,
  );
}

/** Elementwise over scalars and tensors of equal dims, or of one dim and one element. */
function elementwise(operation: Operation): ElementRule {
  return (call) => {
    if (call.inputs.some((value) => value === undefined || value.kind === 'rows')) return undefined;
    const grids = call.inputs.map((_, i) => gridOf(call, i));
    if (grids.length === 0 || !grids.every((grid) => grid !== undefined)) return undefined;
    const largest = grids.reduce((a, b) => (compareSize(b, a) > 0 ? b : a));
    const fits = grids.every(
      (grid) =>
        grid.dims.join() === largest.dims.join() ||
        (grid.elements.length === 1 && grid.dims.length <= largest.dims.length),
    );
    if (!fits) return undefined;
    const elements = largest.elements.map((_, i) =>
      resultOf(
        call,
        operation,
        grids.map((grid) => grid.elements[grid.elements.length === 1 ? 0 : i]),
      ),
    );
    return gridValue(largest.dims, elements);
  };
}

function compareSize(a: Grid, b: Grid): number {
  return a.elements.length - b.elements.length || a.dims.length - b.dims.length;
}

/** Copies elements: `source` gives the place of each. Undefined for more than MOST_ELEMENTS. */
export function picked(
  grid: Grid,
  dims: readonly number[],
  source: (at: readonly number[]) => number | undefined,
): Value | undefined {
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (!(count <= MOST_ELEMENTS) || dims.some((dim) => !Number.isInteger(dim) || dim < 0)) return undefined;
  const elements: Element[] = [];
  for (let i = 0; i < count; i++) {
    const at: number[] = [];
    for (let axis = dims.length - 1, rest = i; axis >= 0; axis--) {
      at[axis] = rest % dims[axis]!;
      rest = Math.floor(rest / dims[axis]!);
    }
    const place = source(at);
    if (place === undefined || place < 0 || place >= grid.elements.length) return undefined;
    elements.push(grid.elements[place]);
  }
  return gridValue(dims, elements);
}

function placeOf(at: readonly number[], dims: readonly number[]): number {
  return at.reduce((place, index, axis) => place * dims[axis]! + index, 0);
}

function shape(call: NodeCall): Value | undefined {
  const value = call.inputs[0];
  if (value === undefined || value.kind === 'lost' || value.dims === undefined) return undefined;
  const dims: Dims = value.dims.slice(call.int('start', 0), call.hasAttribute('end') ? call.int('end', 0) : undefined);
  return gridValue([dims.length], dims);
}

function size(call: NodeCall): Value | undefined {
  const value = call.inputs[0];
  if (value === undefined || value.kind === 'lost' || value.dims === undefined) return undefined;
  return gridValue([], [productOf(value.dims)]);
}

function gather(call: NodeCall): Value | undefined {
  const grid = gridOf(call, 0);
  const indices = gridOf(call, 1);
  const numbers = indices?.elements.map(numberOf);
  if (grid === undefined || indices === undefined || grid.dims.length === 0) return undefined;
  const axis = axisFromFront(call.int('axis', 0), grid.dims.length);
  const extent = grid.dims[axis]!;
  const rank = indices.dims.length;
  const dims = [...grid.dims.slice(0, axis), ...indices.dims, ...grid.dims.slice(axis + 1)];
  return picked(grid, dims, (at) => {
    const index = numbers?.[placeOf(at.slice(axis, axis + rank), indices.dims)];
    if (index === undefined) return undefined;
    const from = index < 0 ? index + extent : index;
    if (from < 0 || from >= extent) return undefined;
    return placeOf([...at.slice(0, axis), from, ...at.slice(axis + rank)], grid.dims);
  });
}

function concat(call: NodeCall): Value | undefined {
  const grids = call.inputs.map((_, i) => gridOf(call, i));
  if (!grids.every((grid) => grid?.dims.length === 1)) return undefined;
  const elements = grids.flatMap((grid) => grid!.elements);
  return elements.length > MOST_ELEMENTS ? undefined : gridValue([elements.length], elements);
}

function transpose(call: NodeCall): Value | undefined {
  const grid = gridOf(call, 0);
  if (grid === undefined) return undefined;
  const perm = call.ints('perm') ?? grid.dims.map((_, i) => grid.dims.length - 1 - i);
  if (perm.length !== grid.dims.length) return undefined;
  return picked(
    grid,
    perm.map((axis) => grid.dims[axis]!),
    (at) => {
      const from: number[] = [];
      for (const [i, axis] of perm.entries()) from[axis] = at[i]!;
      return placeOf(from, grid.dims);
    },
  );
}

function range(call: NodeCall): Value | undefined {
  const [start, limit, delta] = [0, 1, 2].map((i) => numberOf(gridOf(call, i)?.elements[0]));
  if (start === undefined || limit === undefined || !delta) return undefined;
  // The sums of other floats are rounded.
  if (![start, limit, delta].every((bound) => Number.isInteger(bound) && Math.abs(bound) <= MOST_FOLLOWED))
    return undefined;
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!(count <= MOST_ELEMENTS)) return undefined;
  return gridValue(
    [count],
    Array.from({ length: count }, (_, i) => sizeOf(start + i * delta)),
  );
}

function reduceAll(operation: Operation): ElementRule {
  return (call) => {
    const grid = gridOf(call, 0);
    if (grid?.dims.length !== 1 || grid.elements.length === 0) return undefined;
    if (call.int('noop_with_empty_axes', 0) !== 0) return undefined;
    const elements = [grid.elements.slice(1).reduce((a, b) => resultOf(call, operation, [a, b]), grid.elements[0])];
    return gridValue(call.int('keepdims', 1) === 0 ? [] : [1], elements);
  };
}

/** FLOAT, INT32, INT64, DOUBLE: types that hold sizes. BOOL is the only other one that shapes are computed with. */
const SIZE_TYPES: readonly number[] = [1, 6, 7, 11];
const INT64 = 7;
const BOOL = 9;

function cast(call: NodeCall): Value | undefined {
  const to = call.int('to', 0);
  if (to === BOOL) return elementwise(numeric('bool', (a) => (a === 0 ? 0 : 1)))(call);
  if (!SIZE_TYPES.includes(to)) return undefined;
  const value = elementwise(castTo(call, to))(call);
  return value?.kind === 'same' || value?.kind === 'counts' ? { ...value, isFloat: isFloatType(to) } : value;
}

function castTo(call: NodeCall, to: number): Operation {
  const isFromFloat = hasFloats(call);
  const isKept = to === INT64 && !isFromFloat;
  const round = isFloatType(to) ? whole(`cast ${to}`) : whole(`cast ${to}`, Math.trunc);
  return (a) => {
    const result = round(a);
    return isKept || isFollowed(result) ? result : undefined;
  };
}

/** Whether an input has floats, as far as that is known. */
function hasFloats({ inputs }: NodeCall): boolean {
  return inputs.some((value) => (value?.kind === 'same' || value?.kind === 'counts') && value.isFloat === true);
}

/** Results of the rule are floats if an input is. */
export function withFloats(rule: ElementRule): ElementRule {
  return (call) => {
    const value = rule(call);
    const isCounted = value?.kind === 'same' || value?.kind === 'counts';
    return isCounted && value.isFloat === undefined && hasFloats(call) ? { ...value, isFloat: true } : value;
  };
}

/** The rules by op of ai.onnx. */
export const ELEMENT_RULES: Readonly<Record<string, ElementRule>> = {
  Shape: shape,
  Size: size,
  Gather: gather,
  Concat: concat,
  Transpose: transpose,
  Range: range,
  Add: elementwise(add),
  Sub: elementwise(subtract),
  Mul: elementwise(multiply),
  Div: (call) => elementwise(divide(hasFloats(call)))(call),
  Mod: (call) => elementwise(remainder(call.int('fmod', 0)))(call),
  Min: elementwise(oneOf('min', Math.min)),
  Max: elementwise(oneOf('max', Math.max)),
  Neg: elementwise(negate),
  Abs: elementwise((a) => (a !== undefined && isDim(a) ? a : numeric('abs', Math.abs)(a))),
  Floor: elementwise(whole('floor', Math.floor)),
  Ceil: elementwise(whole('ceil', Math.ceil)),
  Round: elementwise(whole('round')),
  Cast: cast,
  Identity: elementwise((a) => a),
  Equal: elementwise(equal),
  Less: elementwise(less),
  Greater: elementwise((a, b) => less(b, a)),
  LessOrEqual: elementwise(lessOrEqual),
  GreaterOrEqual: elementwise((a, b) => lessOrEqual(b, a)),
  Not: elementwise(numeric('not', (a) => (a === 0 ? 1 : 0))),
  And: elementwise(numeric('and', (a, b) => (a !== 0 && b !== 0 ? 1 : 0))),
  Or: elementwise(numeric('or', (a, b) => (a !== 0 || b !== 0 ? 1 : 0))),
  Where: elementwise(where),
  ReduceProd: reduceAll(multiply),
  ReduceSum: reduceAll(add),
  ReduceMax: reduceAll(oneOf('max', Math.max)),
  ReduceMin: reduceAll(oneOf('min', Math.min)),
};
