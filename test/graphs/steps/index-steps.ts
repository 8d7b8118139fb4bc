/** Ops that pick or replace elements by indices, or count them. */
import { sizeNumber } from '../drawn-sizes.ts';
import { type Drawn, type GraphDraft, misfit } from '../graph-draft.ts';
import { cast, floatValue, indices, signed, someAxis, weights } from '../operands.ts';
import type { Steps } from './step.ts';

function gather(draft: GraphDraft): void {
  const data = draft.draw.oneIn(3)
    ? weights(draft, 'float', [draft.draw.between(2, 5), 2])
    : draft.some(({ dims }) => dims.length > 0);
  const axis = someAxis(draft, data);
  const at = indices(draft, data.dims[axis]!);
  const dims = [...data.dims.slice(0, axis), ...at.dims, ...data.dims.slice(axis + 1)];
  draft.one('Gather', [data, at], data.type, dims, { axis: signed(draft, axis, data.dims.length, true) });
}

function gatherElements(draft: GraphDraft): void {
  if (draft.opset < 11) throw misfit();
  const data = draft.some(({ dims, type }) => dims.length > 0 && type !== 'string');
  const axis = someAxis(draft, data);
  const at = indices(draft, data.dims[axis]!, data.dims);
  draft.one('GatherElements', [data, at], data.type, at.dims, { axis: signed(draft, axis, data.dims.length, true) });
}

function gatherND(draft: GraphDraft): void {
  if (draft.opset < 12) throw misfit();
  const data = draft.some(({ dims, type }) => dims.length > 1 && type === 'float' && !dims.includes(0));
  const batchDims = draft.draw.below(Math.min(2, data.dims.length));
  const depth = draft.draw.between(1, Math.min(2, data.dims.length - batchDims));
  const extent = Math.min(...data.dims.slice(batchDims, batchDims + depth));
  const own = [...data.dims.slice(0, batchDims), ...(draft.draw.oneIn(2) ? [2] : []), depth];
  const at =
    draft.draw.oneIn(2) && batchDims === 0 && depth === 1 ? rowIndices(draft, extent) : indices(draft, extent, own);
  if (at.dims.at(-1) !== depth) throw misfit();
  const dims = [...at.dims.slice(0, -1), ...data.dims.slice(batchDims + depth)];
  draft.one('GatherND', [data, at], 'float', dims, { batch_dims: batchDims });
}

/** Indices [ROWS, 1] of a value of the rows. */
function rowIndices(draft: GraphDraft, extent: number): Drawn {
  const x = draft.some(({ dims, type }) => type !== 'string' && dims.length === 2 && dims[1] === 1);
  return indices(draft, extent, x.dims);
}

function scatterElements(draft: GraphDraft): void {
  if (draft.opset < 11) throw misfit();
  const data = floatValue(draft, ({ dims }) => dims.length > 0 && !dims.includes(0));
  const axis = someAxis(draft, data);
  const at = draft.draw.oneIn(2)
    ? indices(draft, data.dims[axis]!, data.dims.with(axis, 1))
    : draft.one('ArgMin', [data], 'int64', data.dims.with(axis, 1), { axis });
  const updates = draft.draw.oneIn(2)
    ? draft.one(
        'ReduceMax',
        [data, ...(draft.opset >= 18 ? [draft.ints(axis)] : [])],
        'float',
        at.dims,
        draft.opset >= 18 ? {} : { axes: [axis] },
      )
    : weights(draft, 'float', at.dims);
  const reduction =
    draft.opset >= 16 && draft.draw.oneIn(3)
      ? { reduction: draft.draw.pick(draft.opset >= 18 ? ['add', 'mul', 'max'] : ['add', 'mul']) }
      : {};
  draft.one('ScatterElements', [data, at, updates], 'float', data.dims, {
    axis: signed(draft, axis, data.dims.length, true),
    ...reduction,
  });
}

function scatterND(draft: GraphDraft): void {
  if (draft.opset < 11) throw misfit();
  const data = floatValue(draft, ({ dims }) => dims.length > 1 && !dims.includes(0));
  // The first axis is replaced in: another may be brought there first.
  const isFirst = draft.draw.oneIn(3);
  const perm = [...data.dims.keys()].reverse();
  const x = isFirst ? data : draft.one('Transpose', [data], 'float', [...data.dims].reverse(), { perm });
  const count = draft.draw.between(1, 2);
  const at = indices(draft, x.dims[0]!, [count, 1]);
  const taken = draft.one('GatherND', [x, at], 'float', [count, ...x.dims.slice(1)]);
  if (draft.opset < 12) throw misfit();
  const updates = draft.draw.oneIn(4)
    ? weights(draft, 'float', taken.dims)
    : draft.one('Neg', [taken], 'float', taken.dims);
  const reduction = draft.opset >= 16 && draft.draw.oneIn(3) ? { reduction: 'add' } : {};
  draft.one('ScatterND', [x, at, updates], 'float', x.dims, reduction);
}

function oneHot(draft: GraphDraft): void {
  if (draft.opset < 9) throw misfit();
  const depth = draft.draw.between(2, 4);
  const at = cast(
    draft,
    draft.some(({ type, dims }) => type !== 'string' && dims.length < 4),
    'int64',
  );
  const axis = draft.draw.between(0, at.dims.length);
  const values = draft.constant('float', [2], [-0.5, 1.5]);
  const dims = at.dims.toSpliced(axis, 0, depth);
  draft.one(
    'OneHot',
    [at, draft.draw.oneIn(3) ? sizeNumber(draft, depth) : draft.scalar(depth), values],
    'float',
    dims,
    { axis: signed(draft, axis, dims.length, true) },
  );
}

function compress(draft: GraphDraft): void {
  if (draft.opset < 9) throw misfit();
  const x = floatValue(draft, ({ dims }) => dims.length > 0 && !dims.includes(0));
  const axis = someAxis(draft, x);
  const kept = Array.from({ length: x.dims[axis]! }, () => draft.draw.below(2));
  const count = kept.reduce((a, b) => a + b, 0);
  const condition = draft.constant('bool', [kept.length], kept);
  draft.one('Compress', [x, condition], 'float', x.dims.with(axis, count), {
    axis: draft.opset >= 11 ? signed(draft, axis, x.dims.length, true) : axis,
  });
}

/** How many elements are not 0, or differ, of all rows or of a constant: a number in the values. */
function howMany(draft: GraphDraft): void {
  if (draft.opset < 11) throw misfit();
  const source = draft.draw.oneIn(3) ? floatValue(draft) : weights(draft, 'float', [4]);
  const like = floatValue(draft);
  const found = draft.draw.oneIn(2)
    ? draft.one('NonZero', [source], 'int64', [source.dims.length, 1])
    : draft.one('Unique', [source], source.type, [1]);
  draft.values.pop();
  const count = draft.one('Size', [found], 'int64', []);
  draft.one('Mul', [like, cast(draft, count, 'float')], 'float', like.dims);
}

export const INDEX_STEPS: Steps = {
  gather,
  gatherElements,
  gatherND,
  scatterElements,
  scatterND,
  oneHot,
  compress,
  howMany,
};
