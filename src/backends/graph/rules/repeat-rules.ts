/** Ops that repeat data, or make it of a shape. */
import { ANY_CONSTANT, type NodeCall, type Outputs, type Rules } from '../node-call.ts';
import {
  dividedBy,
  type Element,
  isDim,
  isFreeOfRows,
  isSameSize,
  numberOf,
  ONE,
  productOf,
  sizeOf,
  times,
} from '../size.ts';
import { axisOf, type Dims, mixed, movedTo, rows, same, undecided, type Value } from '../value.ts';
import { withDims } from './axis-rules.ts';

function expand(call: NodeCall): Outputs {
  const x = call.data(0);
  const shape = call.elements(1);
  if (x.dims === undefined || shape === undefined) return x.kind === 'same' ? constantOrThrow(shape) : lostShape();
  const rank = Math.max(x.dims.length, shape.length);
  const pad = <T>(sizes: readonly T[], one: T) => [...Array<T>(rank - sizes.length).fill(one), ...sizes];
  const before = pad(x.dims, ONE);
  const wanted = pad<Element>(shape, ONE);
  const at = x.kind === 'rows' ? x.axis.at + rank - x.dims.length : undefined;
  const repeated = wanted.findIndex((size, axis) => axis !== at && !isFreeOfRows(size));
  const dims = before.map((dim, axis) => expanded(dim, wanted[axis]));
  if (at !== undefined) {
    if (repeated >= 0) throw mixed('it repeats each row once for every row');
    const size = wanted[at];
    if (!isSameSize(size, ONE) && !isSameSize(size, before[at])) throw undecided('it may repeat the rows');
    return rows(dims.map((dim) => call.asDim(dim)).with(at, before[at]!), movedTo(axisOf(x)!, at));
  }
  return repeated < 0 ? same(dims.map((dim) => call.asDim(dim))) : repeatedForRows(call, before, wanted, repeated);
}

/** A dim of 1 becomes the wanted one; another stays. One that may be 1 may become either. */
function expanded(dim: Dims[number], wanted: Element): Element {
  if (isSameSize(dim, ONE)) return wanted;
  return numberOf(dim) !== undefined || isSameSize(wanted, ONE) || isSameSize(wanted, dim) ? dim : undefined;
}

/** The value may have no part of the rows even if its shape is not known. */
function constantOrThrow(shape: readonly Element[] | undefined): Value {
  if (shape?.every(isFreeOfRows) ?? true) return ANY_CONSTANT;
  throw undecided('its shape depends on the number of rows');
}

function lostShape(): never {
  throw undecided('its shape is not known');
}

/** A constant, one copy for each row. `at` is the axis of the copies. */
function repeatedForRows(call: NodeCall, before: Dims, wanted: readonly Element[], at: number): Value {
  const inner = dividedBy(wanted[at], call.batch);
  const isOne = isSameSize(before[at], ONE);
  if (inner === undefined || !isFreeOfRows(inner) || !isDim(inner) || !isOne) {
    throw undecided('its shape depends on the number of rows in another way than as their axis');
  }
  const dims = before.map((dim, axis) => {
    if (axis === at) return wanted[at]!;
    if (!isFreeOfRows(wanted[axis])) throw undecided('its shape depends on the number of rows in two dims');
    return call.asDim(expanded(dim, wanted[axis]));
  });
  return rows(dims, { at, outer: ONE, inner });
}

function constantOfShape(call: NodeCall): Outputs {
  const shape = call.elements(0);
  if (shape === undefined) return ANY_CONSTANT;
  const at = shape.findIndex((size) => !isFreeOfRows(size));
  if (at >= 0)
    return repeatedForRows(
      call,
      shape.map(() => ONE),
      shape,
      at,
    );
  const dims = shape.map((size) => call.asDim(size));
  const count = numberOf(productOf(dims));
  const value = call.node.attributes.get('value');
  const tensor = value?.tensor;
  const element = value === undefined ? 0 : tensor?.isNarrow ? undefined : tensor?.elements?.[0];
  if (count === undefined || count > 64 || element === undefined || !Number.isFinite(element)) return same(dims);
  const elements = Array.from({ length: count }, () => sizeOf(element));
  return { ...same(dims, elements), isFloat: tensor?.isFloat ?? value === undefined };
}

function tile(call: NodeCall): Outputs {
  const x = call.data(0);
  const repeats = call.elements(1);
  if (x.dims === undefined || repeats?.length !== x.dims.length) {
    if (x.kind === 'same') return constantOrThrow(repeats);
    throw undecided('its repeats are not known');
  }
  const dims = x.dims.map((dim, axis) => times(dim, repeats[axis]));
  const copies = repeats.findIndex((count) => !isFreeOfRows(count));
  if (x.kind === 'same') {
    if (copies >= 0) return tiledForRows(call, x.dims, repeats, copies);
    return same(dims.map((dim) => call.asDim(dim)));
  }
  if (copies >= 0) throw mixed('it repeats each row once for every row');
  if (!isSameSize(repeats[x.axis.at], ONE)) throw mixed('it repeats the rows');
  return withDims(
    x,
    dims.map((dim) => call.asDim(dim)),
  );
}

function tiledForRows(call: NodeCall, before: Dims, repeats: readonly Element[], at: number): Value {
  const wanted = before.map((dim, axis) => (axis === at ? repeats[axis] : times(dim, repeats[axis])));
  return repeatedForRows(
    call,
    before.map((dim, axis) => (axis === at ? dim : ONE)),
    wanted,
    at,
  );
}

export const REPEAT_RULES: Rules = { Expand: expand, ConstantOfShape: constantOfShape, Tile: tile };
