/**
 * Rules for small tensors of integers whose elements are followed one by one: how shapes are computed. A rule returns
 * undefined where it does not know the elements; then the rule for data decides.
 */
import { axisFromFront, type NodeCall } from './node-call.ts';
import { dividedBy, type Element, isDim, isNumber, numberOf, opaque, plus, productOf, sizeOf, times } from './size.ts';
import { type Dims, integers, MOST_ELEMENTS, type Value } from './value.ts';

export type ElementRule = (call: NodeCall) => Value | undefined;

/** A small tensor. */
interface Grid {
  readonly dims: readonly number[];
  readonly elements: readonly Element[];
}

type Operation = (...operands: readonly Element[]) => Element;

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
      operation(...grids.map((grid) => grid.elements[grid.elements.length === 1 ? 0 : i])),
    );
    return gridValue(largest.dims, elements);
  };
}

function compareSize(a: Grid, b: Grid): number {
  return a.elements.length - b.elements.length || a.dims.length - b.dims.length;
}

/** A result on plain numbers, and a symbol for others. */
function numeric(name: string, compute: (...numbers: readonly number[]) => number): Operation {
  return (...operands) => {
    const numbers = operands.map(numberOf);
    if (numbers.every((number) => number !== undefined)) {
      const result = compute(...numbers);
      if (Number.isSafeInteger(result)) return sizeOf(result);
    }
    return opaque(name, operands);
  };
}

function isTrue(condition: boolean): Element {
  return sizeOf(condition ? 1 : 0);
}

/** Whether a size and a negative number can never be equal, as shapes are compared with -1. */
function differ(a: Element, b: Element): boolean {
  return isNegative(a) ? b !== undefined && isDim(b) : isNegative(b) && a !== undefined && isDim(a);
}

function isNegative(size: Element): boolean {
  return isNumber(size) && size.factor < 0;
}

const equal: Operation = (a, b) => {
  if (differ(a, b)) return isTrue(false);
  if (a !== undefined && a.key === b?.key && isDim(a)) return isTrue(true);
  return numeric('equal', (x, y) => (x === y ? 1 : 0))(a, b);
};

const where: Operation = (condition, a, b) => {
  if (isNumber(condition)) return condition.factor === 0 ? b : a;
  if (a !== undefined && a.key === b?.key) return a;
  return opaque('where', [condition, a, b]);
};

/** Divides integers and rounds towards zero. */
const divide: Operation = (a, b) => dividedBy(a, b) ?? opaque('divide', [a, b]);

/** Makes an integer of the element; one that is an integer stays as it is. */
const whole: Operation = (a) => {
  if (a === undefined) return undefined;
  const isWhole = Number.isInteger(a.factor) && a.symbols.every((symbol) => !symbol.startsWith('i:'));
  return isWhole ? a : opaque('whole', [a]);
};

const multiply: Operation = (a, b) => times(a, b) ?? opaque('times', [a, b]);
const add: Operation = (a, b) => plus(a, b) ?? opaque('plus', [a, b]);
const negate: Operation = (a) => multiply(a, sizeOf(-1));
const subtract: Operation = (a, b) => add(a, negate(b));

/** One of the operands, if all are equal. */
function oneOf(name: string, compute: (...numbers: readonly number[]) => number): Operation {
  return (...operands) => {
    const [first] = operands;
    if (first !== undefined && operands.every((operand) => operand?.key === first.key)) return first;
    return numeric(name, compute)(...operands);
  };
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
    const elements = [grid.elements.slice(1).reduce((a, b) => operation(a, b), grid.elements[0])];
    return gridValue(call.int('keepdims', 1) === 0 ? [] : [1], elements);
  };
}

/** FLOAT, INT32, INT64, DOUBLE: types that hold sizes. BOOL is the only other one that shapes are computed with. */
const SIZE_TYPES: readonly number[] = [1, 6, 7, 11];
const BOOL = 9;

function cast(call: NodeCall): Value | undefined {
  const to = call.int('to', 0);
  if (SIZE_TYPES.includes(to)) return elementwise(whole)(call);
  return to === BOOL ? elementwise(numeric('bool', (a) => (a === 0 ? 0 : 1)))(call) : undefined;
}

const less = numeric('less', (a, b) => (a < b ? 1 : 0));
const lessOrEqual = numeric('lessOrEqual', (a, b) => (a <= b ? 1 : 0));

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
  Div: elementwise(divide),
  Mod: elementwise(numeric('mod', (a, b) => (a >= 0 && b > 0 ? a % b : Number.NaN))),
  Min: elementwise(oneOf('min', Math.min)),
  Max: elementwise(oneOf('max', Math.max)),
  Neg: elementwise(negate),
  Abs: elementwise((a) => (a !== undefined && isDim(a) ? a : numeric('abs', Math.abs)(a))),
  Floor: elementwise(whole),
  Ceil: elementwise(whole),
  Round: elementwise(whole),
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
