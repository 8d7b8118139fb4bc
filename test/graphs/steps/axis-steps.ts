/** Ops along axes: reductions, norms, sums, sorting, picking and replacing by indices. */
import { shapeOf } from '../drawn-sizes.ts';
import { type ElementType, type GraphDraft, misfit, ROWS, sizeOfDims } from '../graph-draft.ts';
import { cast, floatOfRank, floatValue, indices, ofType, signed, someAxis, weights } from '../operands.ts';
import type { Steps } from './step.ts';

const REDUCTIONS =
  'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare'.split(
    ' ',
  );

function reduce(draft: GraphDraft): void {
  const { draw, opset } = draft;
  const op = draw.pick(REDUCTIONS);
  const types: readonly ElementType[] =
    op === 'ReduceLogSum' || op === 'ReduceLogSumExp' ? ['float'] : ['float', 'float', 'int32', 'int64'];
  const x = ofType(draft, [draw.pick(types)], ({ dims }) => dims.length > 0 && !dims.includes(0));
  const rank = x.dims.length;
  const gone = new Set(Array.from({ length: draw.between(1, 2) }, () => someAxis(draft, x)));
  const keepdims = draw.below(2);
  const isAll = draw.oneIn(15);
  const isInput = op === 'ReduceSum' ? opset >= 13 : opset >= 18;
  const axes = [...gone].map((axis) => signed(draft, axis, rank, opset >= 11));
  const dims = x.dims.flatMap((dim, axis) => (!isAll && !gone.has(axis) ? [dim] : keepdims === 1 ? [1] : []));
  if (isAll) draft.one(op, [x], x.type, dims, { keepdims });
  else if (isInput) draft.one(op, [x, draft.ints(...axes)], x.type, dims, { keepdims });
  else draft.one(op, [x], x.type, dims, { keepdims, axes });
}

function argument(draft: GraphDraft): void {
  const x = floatValue(draft, ({ dims }) => dims.length > 0 && !dims.includes(0));
  const axis = someAxis(draft, x);
  const keepdims = draft.draw.below(2);
  const dims = keepdims === 1 ? x.dims.with(axis, 1) : x.dims.toSpliced(axis, 1);
  const last = draft.opset >= 12 ? { select_last_index: draft.draw.below(2) } : {};
  const at = signed(draft, axis, x.dims.length, draft.opset >= 11);
  draft.one(draft.draw.pick(['ArgMax', 'ArgMin']), [x], 'int64', dims, { axis: at, keepdims, ...last });
}

function norm(draft: GraphDraft): void {
  const x = floatValue(draft, ({ dims }) => dims.length > 0 && !dims.includes(0));
  const axis = someAxis(draft, x);
  const at = signed(draft, axis, x.dims.length, true);
  if (draft.draw.oneIn(2) || draft.opset < 17) {
    draft.one('LpNormalization', [x], 'float', x.dims, { axis: at, p: draft.draw.between(1, 2) });
    return;
  }
  const own = x.dims.slice(axis);
  const [scale, bias] = [weights(draft, 'float', own, true), weights(draft, 'float', own, true)];
  const statistics = x.dims.map((dim, i) => (i < axis ? dim : 1));
  const results = [x.dims, statistics, statistics].map((dims) => ({ type: 'float' as const, dims }));
  draft.add('LayerNormalization', [x, scale, bias], results.slice(0, draft.draw.pick([1, 3])), { axis: at });
}

function meanVariance(draft: GraphDraft): void {
  if (draft.opset < 9) throw misfit();
  const given = floatOfRank(draft, 4);
  const width = given.dims[3]!;
  if (width < 2 || given.dims.includes(0)) throw misfit();
  // Of equal numbers it gives the rounding of their variance.
  const ramp = draft.constant(
    'float',
    [width],
    Array.from({ length: width }, (_, i) => i),
  );
  const x = draft.one('Add', [given, ramp], 'float', given.dims);
  draft.one('MeanVarianceNormalization', [x], 'float', x.dims, draft.draw.oneIn(2) ? {} : { axes: [2, 3] });
}

function channelNorm(draft: GraphDraft): void {
  const x = floatOfRank(draft, draft.draw.between(3, 4));
  if (x.dims.includes(0)) throw misfit();
  const of = () => weights(draft, 'float', [x.dims[1]!], true);
  const op = draft.draw.pick(['InstanceNormalization', 'BatchNormalization', 'LRN']);
  if (op === 'LRN' && x.dims.length !== 4) throw misfit();
  if (op === 'LRN') draft.one(op, [x], 'float', x.dims, { size: 3 });
  else if (op === 'InstanceNormalization') draft.one(op, [x, of(), of()], 'float', x.dims);
  else {
    const variance = draft.constant(
      'float',
      [x.dims[1]!],
      Array.from({ length: x.dims[1]! }, (_, i) => 0.5 + i),
    );
    draft.one(op, [x, of(), of(), of(), variance], 'float', x.dims);
  }
}

function topK(draft: GraphDraft): void {
  const x = floatValue(draft, ({ dims }) => dims.length > 0 && !dims.includes(0));
  const axis = someAxis(draft, x);
  const count = draft.draw.between(1, x.dims[axis]!);
  const dims = x.dims.with(axis, count);
  const results = [
    { type: x.type, dims },
    { type: 'int64' as const, dims },
  ];
  const at = signed(draft, axis, x.dims.length, true);
  if (draft.opset < 10) draft.add('TopK', [x], results, { k: count, axis: at });
  else draft.add('TopK', [x, shapeOf(draft, [count])], results, { axis: at });
}

function cumSum(draft: GraphDraft): void {
  if (draft.opset < 11) throw misfit();
  const x = ofType(draft, ['float', 'int64', 'int32'], ({ dims }) => dims.length > 0);
  const axis = draft.scalar(signed(draft, someAxis(draft, x), x.dims.length, true));
  draft.one('CumSum', [x, axis], x.type, x.dims, { exclusive: draft.draw.below(2), reverse: draft.draw.below(2) });
}

function triangle(draft: GraphDraft): void {
  if (draft.opset < 14) throw misfit();
  const x = floatValue(draft, ({ dims }) => dims.length > 1);
  draft.one('Trilu', draft.draw.oneIn(2) ? [x] : [x, draft.scalar(draft.draw.between(-1, 1))], 'float', x.dims, {
    upper: draft.draw.below(2),
  });
}

function reverse(draft: GraphDraft): void {
  if (draft.opset < 11) throw misfit();
  const x = floatValue(draft, ({ dims }) => dims.length > 1 && !dims.includes(0));
  const batch = draft.draw.below(2);
  const time = x.dims[1 - batch]!;
  const lengths = indices(draft, time, [x.dims[batch]!]);
  const positive = draft.one(
    'Clip',
    [cast(draft, lengths, 'float'), draft.constant('float', [], [1]), draft.constant('float', [], [time])],
    'float',
    lengths.dims,
  );
  draft.one('ReverseSequence', [x, cast(draft, positive, 'int64')], 'float', x.dims, {
    batch_axis: batch,
    time_axis: 1 - batch,
  });
}

function determinant(draft: GraphDraft): void {
  if (draft.opset < 11) throw misfit();
  const x = floatValue(
    draft,
    ({ dims }) => dims.length > 1 && dims.at(-1) === dims.at(-2) && dims.at(-1) !== 0 && dims.at(-1)! < ROWS,
  );
  draft.one('Det', [x], 'float', x.dims.slice(0, -2));
}

function dft(draft: GraphDraft): void {
  if (draft.opset < 17) throw misfit();
  const x = floatValue(
    draft,
    ({ dims }) => dims.length > 1 && dims.length < 5 && !dims.includes(0) && sizeOfDims(dims) < 400,
  );
  const real = draft.one('Unsqueeze', [x, draft.ints(-1)], 'float', [...x.dims, 1]);
  const axis = someAxis(draft, x);
  const dims = [...x.dims, 2];
  if (draft.opset < 20) draft.one('DFT', [real], 'float', dims, { axis });
  else draft.one('DFT', [real, undefined, draft.scalar(axis)], 'float', dims);
}

export const AXIS_STEPS: Steps = {
  reduce,
  moreReduce: reduce,
  argument,
  norm,
  meanVariance,
  channelNorm,
  topK,
  cumSum,
  triangle,
  reverse,
  determinant,
  dft,
};
