/** Ops that move, join, cut and repeat data, with shapes that the graph computes. */
import { shapeOf, sizeNumber } from '../drawn-sizes.ts';
import { type Drawn, type GraphDraft, misfit, ROWS, sizeOfDims } from '../graph-draft.ts';
import { floatValue, signed, someAxis, squeeze, unsqueeze, weights } from '../operands.ts';
import type { Steps } from './step.ts';

function transpose(draft: GraphDraft): void {
  const x = draft.some(({ dims }) => dims.length > 1);
  const perm = draft.draw.shuffled(x.dims.map((_, axis) => axis));
  const isPlain = draft.draw.oneIn(5);
  const from = isPlain ? perm.map((_, i) => perm.length - 1 - i) : perm;
  draft.one(
    'Transpose',
    [x],
    x.type,
    from.map((axis) => x.dims[axis]!),
    isPlain ? {} : { perm: from },
  );
}

/** Dims of the same product: neighbours are merged, and dims are cut in two. */
function otherDims(draft: GraphDraft, dims: readonly number[]): number[] {
  const result = [...dims];
  for (let changes = draft.draw.between(1, 3); changes > 0; changes--) {
    const at = draft.draw.below(Math.max(1, result.length));
    const kind = draft.draw.below(4);
    if (kind === 0 && at + 1 < result.length) result.splice(at, 2, result[at]! * result[at + 1]!);
    else if (kind === 1 && result.length > 0 && result[at]! > 1) {
      const divisors = Array.from({ length: result[at]! }, (_, i) => i + 1).filter((d) => result[at]! % d === 0);
      const by = draft.draw.pick(divisors);
      result.splice(at, 1, ...(draft.draw.oneIn(2) ? [by, result[at]! / by] : [result[at]! / by, by]));
    } else if (kind === 2 && result.length < 5) result.splice(at, 0, 1);
    else if (kind === 3 && result[at] === 1) result.splice(at, 1);
  }
  return result;
}

function reshape(draft: GraphDraft): void {
  const { draw } = draft;
  const x = draft.some(({ dims }) => dims.length > 0);
  const dims = draw.oneIn(8) ? [sizeOfDims(x.dims)] : otherDims(draft, x.dims);
  const target: number[] = [...dims];
  const allowsZero = draft.opset >= 14 && draw.oneIn(6);
  for (const [at, dim] of dims.entries()) {
    if (!allowsZero && x.dims[at] === dim && draw.oneIn(4)) target[at] = 0;
  }
  const open = draw.below(dims.length);
  if (dims.length > 0 && !dims.includes(0) && !draw.oneIn(3)) target[open] = -1;
  const isOpenBatch = dims.findIndex((dim) => dim % ROWS === 0 && dim > 0);
  if (isOpenBatch >= 0 && !dims.includes(0) && target.includes(-1) && draw.oneIn(2)) {
    target[open] = dims[open]!;
    target[isOpenBatch] = -1;
  }
  draft.one('Reshape', [x, shapeOf(draft, target)], x.type, dims, allowsZero ? { allowzero: 1 } : {});
}

/** Into a form and back into the first one, with a step between that sees whole matrices. */
function thereAndBack(draft: GraphDraft): void {
  const x = floatValue(draft, ({ dims }) => dims.length > 1 && !dims.includes(0));
  const shape = draft.one('Shape', [x], 'int64', [x.dims.length]);
  const dims = otherDims(draft, x.dims);
  const flat = draft.one('Reshape', [x, shapeOf(draft, dims)], 'float', dims);
  if (dims.length === 0) return;
  const axis = someAxis(draft, flat);
  const y =
    draft.opset >= 13
      ? draft.one('Softmax', [flat], 'float', dims, { axis })
      : draft.one('Tanh', [flat], 'float', dims);
  draft.one('Reshape', [y, shape], 'float', x.dims);
}

function flatten(draft: GraphDraft): void {
  const x = draft.some(({ dims }) => dims.length > 0);
  const axis = draft.draw.between(0, x.dims.length);
  const dims = [sizeOfDims(x.dims.slice(0, axis)), sizeOfDims(x.dims.slice(axis))];
  const given = axis < x.dims.length ? signed(draft, axis, x.dims.length, draft.opset >= 11) : axis;
  draft.one('Flatten', [x], x.type, dims, { axis: given });
}

function squeezeStep(draft: GraphDraft): void {
  const x = draft.some(({ dims }) => dims.includes(1));
  if (draft.draw.oneIn(6))
    draft.one(
      'Squeeze',
      [x],
      x.type,
      x.dims.filter((dim) => dim !== 1),
    );
  else squeeze(draft, x, draft.draw.pick(x.dims.flatMap((dim, axis) => (dim === 1 ? [axis] : []))));
}

function concat(draft: GraphDraft): void {
  const x = draft.some(({ dims }) => dims.length > 0);
  const axis = someAxis(draft, x);
  const isAlike = (other: Drawn) =>
    other.type === x.type &&
    other.dims.length === x.dims.length &&
    other.dims.every((dim, at) => at === axis || dim === x.dims[at]);
  const others = Array.from({ length: draft.draw.between(1, 2) }, () => draft.some(isAlike));
  const parts = draft.draw.oneIn(12) ? [x, weights(draft, x.type, x.dims)] : [x, ...others];
  const size = parts.reduce((sum, { dims }) => sum + dims[axis]!, 0);
  draft.one('Concat', parts, x.type, x.dims.with(axis, size), {
    axis: signed(draft, axis, x.dims.length, draft.opset >= 11),
  });
}

function split(draft: GraphDraft): void {
  const x = draft.some(({ dims }) => dims.some((dim) => dim > 1));
  const axes = x.dims.flatMap((dim, axis) => (dim > 1 ? [axis] : []));
  const plain = axes.filter((axis) => x.dims[axis]! % ROWS !== 0);
  const axis = draft.draw.pick(plain.length > 0 && !draft.draw.oneIn(6) ? plain : axes);
  const extent = x.dims[axis]!;
  const at = signed(draft, axis, x.dims.length, draft.opset >= 11);
  const results = (sizes: readonly number[]) => sizes.map((size) => ({ type: x.type, dims: x.dims.with(axis, size) }));
  if (extent % 2 === 0 && draft.draw.oneIn(2)) {
    const attributes = draft.opset >= 18 ? { axis: at, num_outputs: 2 } : { axis: at };
    draft.add('Split', [x], results([extent / 2, extent / 2]), attributes);
    return;
  }
  const first = draft.draw.between(0, extent);
  const sizes = [first, extent - first];
  if (draft.opset < 13) draft.add('Split', [x], results(sizes), { axis: at, split: sizes });
  else draft.add('Split', [x, draft.ints(...sizes)], results(sizes), { axis: at });
}

function splitUnevenly(draft: GraphDraft): void {
  if (draft.opset < 18) throw misfit();
  const x = draft.some(({ dims }) => dims.some((dim) => dim === 3 || dim === 5));
  const axis = x.dims.findIndex((dim) => dim === 3 || dim === 5);
  const half = Math.ceil(x.dims[axis]! / 2);
  const sizes = [half, x.dims[axis]! - half];
  draft.add(
    'Split',
    [x],
    sizes.map((size) => ({ type: x.type, dims: x.dims.with(axis, size) })),
    { axis, num_outputs: 2 },
  );
}

function pad(draft: GraphDraft): void {
  const { draw, opset } = draft;
  const x = floatValue(draft, ({ dims }) => dims.length > 0 && dims.length < 5 && !dims.includes(0));
  const axis = someAxis(draft, x);
  const extent = x.dims[axis]!;
  const mode = draw.pick(opset >= 19 ? ['constant', 'reflect', 'edge', 'wrap'] : ['constant', 'reflect', 'edge']);
  const most = mode === 'reflect' ? extent - 1 : Math.min(extent, 3);
  const lowest = mode === 'constant' && extent > 2 ? -1 : 0;
  const [begin, end] = [draw.between(lowest, most), draw.between(lowest, most)];
  const dims = x.dims.with(axis, extent + begin + end);
  const all = [begin, end].flatMap((count) => x.dims.map((_, at) => (at === axis ? count : 0)));
  if (opset < 11) draft.one('Pad', [x], 'float', dims, { pads: all, mode, value: { float: 0.5 } });
  else if (opset >= 18 && draw.oneIn(2)) {
    const axes = draft.ints(signed(draft, axis, x.dims.length, true));
    draft.one('Pad', [x, draft.ints(begin, end), undefined, axes], 'float', dims, { mode });
  } else draft.one('Pad', [x, draft.ints(...all)], 'float', dims, { mode });
}

/** Bounds of Slice, as the runtime takes them. */
function sliceStep(draft: GraphDraft): void {
  const { draw, opset } = draft;
  const x = draft.some(({ dims, type }) => dims.length > 0 && type !== 'bool');
  const axis = someAxis(draft, x);
  const extent = x.dims[axis]!;
  const step = opset >= 10 ? draw.pick([1, 1, 2, -1, -1, -2]) : 1;
  const isBatch = extent % ROWS === 0 && extent > 0;
  const huge = [2 ** 31 - 1, 2 ** 40, 2 ** 62];
  const first =
    step > 0
      ? isBatch && !draw.oneIn(3)
        ? 0
        : draw.pick([0, 1, -1, -2, -extent, -100])
      : draw.pick([-1, extent - 1, 100, -2, -100, -(2 ** 31)]);
  const last =
    step > 0
      ? draw.pick([...huge, extent, extent, -1, 1])
      : draw.pick([-100, -(2 ** 31), -(2 ** 62), 0, -extent - 1, -extent]);
  const dims = x.dims.with(axis, sliceCount(first, last, step, extent));
  const at = signed(draft, axis, x.dims.length, opset >= 10);
  if (opset < 10) draft.one('Slice', [x], x.type, dims, { starts: [first], ends: [last], axes: [axis] });
  else {
    const end = last === extent && draw.oneIn(2) ? sizeNumber(draft, extent) : draft.ints(last);
    draft.one('Slice', [x, draft.ints(first), end, draft.ints(at), draft.ints(step)], x.type, dims);
  }
}

/** As ONNX has it: a start is brought to 0 … extent, or to 0 … extent - 1 for a negative step. */
function sliceCount(first: number, last: number, step: number, extent: number): number {
  const front = (index: number) => (index < 0 ? index + extent : index);
  const clamp = (index: number, low: number, high: number) => Math.min(Math.max(index, low), high);
  const from = clamp(front(first), 0, step > 0 ? extent : extent - 1);
  const to = step > 0 ? clamp(front(last), 0, extent) : clamp(front(last), -1, extent - 1);
  return extent === 0 ? 0 : Math.max(0, Math.ceil((to - from) / step));
}

export const LAYOUT_STEPS: Steps = {
  transpose,
  reshape,
  moreReshape: reshape,
  thereAndBack,
  flatten,
  squeeze: squeezeStep,
  unsqueeze: (draft) => {
    const x = draft.some(({ dims }) => dims.length < 5);
    unsqueeze(draft, x, draft.draw.between(0, x.dims.length));
  },
  concat,
  split,
  splitUnevenly,
  pad,
  slice: sliceStep,
};
