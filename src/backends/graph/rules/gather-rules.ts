/** Ops that pick or replace elements by indices. */
import { ANY_CONSTANT, axisFromFront, type NodeCall, type Outputs, type Rule, type Rules } from '../node-call.ts';
import { isSameSize, numberOf, ONE, sizeOf } from '../size.ts';
import {
  along,
  type Dims,
  type Known,
  mixed,
  movedTo,
  type Rows,
  rows,
  same,
  undecided,
  type Value,
} from '../value.ts';
import { checkApart, withDims } from './axis-rules.ts';
import { each } from './elementwise-rules.ts';

const OTHER_ROWS = 'its indices may be of other rows';

function isSameAxis(a: Rows, b: Rows): boolean {
  return a.axis.at === b.axis.at && isSameSize(a.axis.inner, b.axis.inner) && isSameSize(a.axis.outer, b.axis.outer);
}

function gather(call: NodeCall): Outputs {
  const [data, indices] = [call.data(0), call.data(1)];
  if (data.dims === undefined || indices.dims === undefined) return bothConstant(data, indices);
  const axis = axisFromFront(call.int('axis', 0), data.dims.length);
  const dims = [...data.dims.slice(0, axis), ...indices.dims, ...data.dims.slice(axis + 1)];
  checkTexts(call, data.dims.slice(axis + 1));
  if (data.kind === 'same') {
    return along(dims, indices.kind === 'rows' ? movedTo(indices.axis, axis + indices.axis.at) : undefined);
  }
  checkApart(data, axis, 'picks from');
  if (indices.kind === 'rows') throw mixed('it picks from each row for every other');
  const { at } = data.axis;
  return rows(dims, movedTo(data.axis, at < axis ? at : at - 1 + indices.dims.length));
}

/** ONNX Runtime copies only the first text of all that one index picks. */
function checkTexts(call: NodeCall, picked: Dims): void {
  const isOne = picked.every((dim) => isSameSize(dim, ONE));
  if (!isOne && call.following.mayBeTexts(call.data(0))) throw undecided('it may pick several texts at once');
}

function bothConstant(...values: readonly Known[]): Value {
  if (values.every((value) => value.kind === 'same')) return ANY_CONSTANT;
  throw undecided('an input has a rank that is not known');
}

function gatherElements(call: NodeCall): Outputs {
  const [data, indices] = [call.data(0), call.data(1)];
  if (data.dims === undefined || indices.dims === undefined) return bothConstant(data, indices);
  const axis = axisFromFront(call.int('axis', 0), data.dims.length);
  if (indices.kind === 'same') {
    if (data.kind === 'rows') throw mixed('its indices are of a fixed number of rows');
    return same(indices.dims);
  }
  if (data.kind === 'same') {
    if (indices.axis.at !== axis) throw mixed('each row picks from a place of its own');
    return indices;
  }
  if (!isSameAxis(data, indices)) throw undecided(OTHER_ROWS);
  checkApart(data, axis, 'picks from');
  return indices;
}

function gatherND(call: NodeCall): Outputs {
  const [data, indices] = [call.data(0), call.data(1)];
  if (data.kind === 'same' && indices.kind === 'same') return ANY_CONSTANT;
  if (data.dims === undefined || indices.dims === undefined) throw undecided('an input has a rank that is not known');
  const batchDims = call.int('batch_dims', 0);
  const depth = numberOf(indices.dims.at(-1));
  if (depth === undefined) throw undecided('its indices have a depth that is not known');
  const last = indices.dims.length - 1;
  const dims = [...indices.dims.slice(0, -1), ...data.dims.slice(batchDims + depth)];
  if (data.kind === 'same') {
    const { axis } = indices as Rows;
    if (axis.at === last || batchDims > 0) throw undecided(OTHER_ROWS);
    return rows(dims, axis);
  }
  const { at } = data.axis;
  if (at < batchDims) {
    if (indices.kind === 'same' || !isSameAxis(data, indices)) throw undecided(OTHER_ROWS);
    return rows(dims, data.axis);
  }
  if (indices.kind === 'rows' || at < batchDims + depth) throw mixed('it picks from the axis of the rows');
  return rows(dims, movedTo(data.axis, last + at - batchDims - depth));
}

/** Data, indices and updates of one row. */
function scatterElements(call: NodeCall): Outputs {
  const [data, indices, updates] = [call.data(0), call.data(1), call.data(2)];
  if (data.kind === 'same' && indices.kind === 'same' && updates.kind === 'same') return same(data.dims);
  if (data.kind !== 'rows' || indices.kind !== 'rows' || updates.kind !== 'rows') throw undecided(OTHER_ROWS);
  if (!isSameAxis(data, indices) || !isSameAxis(data, updates)) throw undecided(OTHER_ROWS);
  checkApart(data, axisFromFront(call.int('axis', 0), data.dims.length), 'replaces elements of');
  return data;
}

function scatterND(call: NodeCall): Outputs {
  const [data, indices, updates] = [call.data(0), call.data(1), call.data(2)];
  if (data.kind === 'same' && indices.kind === 'same' && updates.kind === 'same') return same(data.dims);
  const depth = numberOf(indices.dims?.at(-1));
  if (depth === undefined || indices.kind === 'rows' || data.kind === 'same') throw undecided(OTHER_ROWS);
  if (data.axis.at < depth) throw mixed('it replaces elements of the axis of the rows');
  const at = indices.dims!.length - 1 + data.axis.at - depth;
  if (updates.kind === 'same') throw undecided('its updates may be of a fixed number of rows');
  if (!isSameAxis(rows(data.dims, movedTo(data.axis, at)), updates)) throw undecided(OTHER_ROWS);
  return data;
}

function oneHot(call: NodeCall): Outputs {
  const x = call.data(0);
  const depth = call.elements(1)?.[0];
  call.constant(1, 'its depth');
  call.constant(2, 'its values');
  const { dims } = x;
  if (dims === undefined) return ANY_CONSTANT;
  const axis = axisFromFront(call.int('axis', -1), dims.length + 1);
  const size = depth !== undefined && numberOf(depth) !== undefined ? depth : call.unknownDim();
  const wider = [...dims.slice(0, axis), size, ...dims.slice(axis)];
  if (x.kind === 'same') return same(wider);
  return rows(wider, movedTo(x.axis, x.axis.at + (axis <= x.axis.at ? 1 : 0)));
}

function compress(call: NodeCall): Outputs {
  const x = call.data(0);
  const condition = call.data(1);
  if (x.kind === 'same' && condition.kind === 'same') return ANY_CONSTANT;
  if (condition.kind === 'rows') throw mixed('how many elements remain depends on all rows');
  if (x.kind === 'same' || !call.hasAttribute('axis')) throw mixed('it picks from all rows');
  const axis = axisFromFront(call.int('axis', 0), x.dims.length);
  checkApart(x, axis, 'picks from');
  return withDims(x, x.dims.with(axis, call.unknownDim()));
}

/** Results whose number depends on what all rows hold. */
const dependsOnAll: Rule = (call) => {
  if (call.allData().some((value) => value.kind === 'rows')) throw mixed('how much it gives depends on all rows');
  if (call.node.op !== 'NonZero') return [ANY_CONSTANT, ANY_CONSTANT, ANY_CONSTANT, ANY_CONSTANT];
  const rank = call.data(0).dims?.length;
  return rank === undefined ? ANY_CONSTANT : same([sizeOf(rank), call.unknownDim()]);
};

export const GATHER_RULES: Rules = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ...each('ScatterElements Scatter', scatterElements),
  ScatterND: scatterND,
  OneHot: oneHot,
  Compress: compress,
  ...each('NonZero Unique NonMaxSuppression StringSplit', dependsOnAll),
};
