/** Convolutions, pools, resizing, and recurrent ops. */
import { type GraphDraft, misfit, ROWS } from '../graph-draft.ts';
import { floatOfRank, indices, weights } from '../operands.ts';
import type { Steps } from './step.ts';

/** Rank 3 or 4, with places along the last axes. */
function image(draft: GraphDraft) {
  const x = floatOfRank(draft, draft.draw.between(3, 4));
  if (x.dims.includes(0) || (x.dims[1]! % ROWS === 0 && !draft.draw.oneIn(6))) throw misfit();
  return x;
}

function convolve(draft: GraphDraft): void {
  const { draw } = draft;
  const x = image(draft);
  const places = x.dims.slice(2);
  const channels = x.dims[1]!;
  const group = draw.oneIn(4) ? channels : 1;
  const filters = group === 1 ? draw.between(1, 3) : channels;
  const kernel = places.map((dim) => draw.between(1, Math.min(3, dim)));
  const w = weights(draft, 'float', [filters, channels / group, ...kernel], true);
  const isSame = draw.oneIn(3);
  const stride = draw.between(1, 2);
  const dims = places.map((dim, at) =>
    isSame ? Math.ceil(dim / stride) : Math.floor((dim - kernel[at]!) / stride) + 1,
  );
  const padding = isSame ? { auto_pad: draw.pick(['SAME_UPPER', 'SAME_LOWER']) } : {};
  const bias = draw.oneIn(2) ? [weights(draft, 'float', [filters], true)] : [];
  const strides = places.map(() => stride);
  draft.one('Conv', [x, w, ...bias], 'float', [x.dims[0]!, filters, ...dims], { strides, group, ...padding });
}

function convolveBack(draft: GraphDraft): void {
  const x = image(draft);
  const places = x.dims.slice(2);
  const [filters, stride] = [draft.draw.between(1, 2), draft.draw.between(1, 2)];
  const w = weights(draft, 'float', [x.dims[1]!, filters, ...places.map(() => 2)], true);
  const dims = places.map((dim) => stride * (dim - 1) + 2);
  draft.one('ConvTranspose', [x, w], 'float', [x.dims[0]!, filters, ...dims], { strides: places.map(() => stride) });
}

function pool(draft: GraphDraft): void {
  const { draw, opset } = draft;
  const x = image(draft);
  const places = x.dims.slice(2);
  if (draw.oneIn(4)) {
    const op = draw.pick(['GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool']);
    draft.one(op, [x], 'float', [...x.dims.slice(0, 2), ...places.map(() => 1)]);
    return;
  }
  const op = draw.pick(['MaxPool', 'AveragePool', 'LpPool']);
  const kernel = places.map((dim) => draw.between(1, Math.min(3, dim)));
  const stride = draw.between(1, 2);
  const isPadded = draw.oneIn(2) && kernel.every((size) => size > 1);
  const added = isPadded ? 2 : 0;
  const isCeil = opset >= 10 && op !== 'LpPool' && draw.oneIn(3) && !isPadded && stride <= Math.min(...kernel);
  const round = isCeil ? Math.ceil : Math.floor;
  const dims = places.map((dim, at) => round((dim + added - kernel[at]!) / stride) + 1);
  const attributes = {
    kernel_shape: kernel,
    strides: places.map(() => stride),
    ...(isPadded ? { pads: [...places, ...places].map(() => 1) } : {}),
    ...(isCeil ? { ceil_mode: 1 } : {}),
    ...(op === 'AveragePool' && draw.oneIn(2) ? { count_include_pad: 1 } : {}),
  };
  const result = [...x.dims.slice(0, 2), ...dims];
  const types = op === 'MaxPool' && opset >= 8 && draw.oneIn(3) ? (['float', 'int64'] as const) : (['float'] as const);
  draft.add(
    op,
    [x],
    types.map((type) => ({ type, dims: result })),
    attributes,
  );
}

const SCALES = [0.5, 0.7, 1, 1, 1.5, 2, 2.3];

function resize(draft: GraphDraft): void {
  const { draw, opset } = draft;
  const x = floatOfRank(draft, draw.between(2, 4));
  if (x.dims.includes(0)) throw misfit();
  const changed = draw.between(0, 12) === 0 ? 0 : x.dims.length - 1;
  const scales = x.dims.map((_, axis) => (axis === changed ? draw.pick(SCALES) : 1));
  const dims = x.dims.map((dim, axis) => Math.floor(Math.fround(dim * Math.fround(scales[axis]!))));
  const mode = draw.pick(['nearest', 'linear']);
  if (dims.includes(0)) throw misfit();
  if (opset < 9)
    draft.one('Upsample', [x], 'float', dims, { mode, scales: { floats: scales.map((scale) => Math.max(1, scale)) } });
  else if (opset < 10)
    draft.one('Upsample', [x, draft.constant('float', [scales.length], scales)], 'float', dims, { mode });
  else if (opset === 10)
    draft.one('Resize', [x, draft.constant('float', [scales.length], scales)], 'float', dims, { mode });
  else resizeNow(draft, x, dims, scales, mode);
}

function resizeNow(
  draft: GraphDraft,
  x: ReturnType<typeof image>,
  dims: readonly number[],
  scales: readonly number[],
  mode: string,
): void {
  const { draw } = draft;
  const ways = ['half_pixel', 'asymmetric', 'align_corners', 'pytorch_half_pixel'];
  const attributes = { mode, coordinate_transformation_mode: draw.pick(ways) };
  const none = draft.constant('float', [0], []);
  if (draw.oneIn(3)) draft.one('Resize', [x, none, none, draft.ints(...dims)], 'float', dims, attributes);
  else draft.one('Resize', [x, none, draft.constant('float', [scales.length], scales)], 'float', dims, attributes);
}

/** Its rows are on axis 1, or may be. */
function recurrent(draft: GraphDraft): void {
  const { draw } = draft;
  const x = floatOfRank(draft, 3);
  if (x.dims.includes(0)) throw misfit();
  const [op, gates] = draw.pick([
    ['RNN', 1],
    ['GRU', 3],
    ['LSTM', 4],
  ] as const);
  const direction = draw.pick(['forward', 'reverse', 'bidirectional']);
  const [directions, hidden] = [direction === 'bidirectional' ? 2 : 1, 2];
  const layout = draft.opset >= 14 && draw.oneIn(5) ? 1 : 0;
  const [time, batch, features] = (layout === 0 ? x.dims : [x.dims[1], x.dims[0], x.dims[2]]) as [
    number,
    number,
    number,
  ];
  const w = weights(draft, 'float', [directions, gates * hidden, features], true);
  const r = weights(draft, 'float', [directions, gates * hidden, hidden], true);
  const b = draw.oneIn(2) ? weights(draft, 'float', [directions, 2 * gates * hidden], true) : undefined;
  const lengths = draw.oneIn(3) && draft.opset >= 12 ? lengthsOf(draft, time, batch) : undefined;
  const all = layout === 0 ? [time, directions, batch, hidden] : [batch, time, directions, hidden];
  const last = layout === 0 ? [directions, batch, hidden] : [batch, directions, hidden];
  const results = [all, last].map((dims) => ({ type: 'float' as const, dims }));
  const attributes = { hidden_size: hidden, direction, ...(layout === 1 ? { layout } : {}) };
  draft.add(op, lengths === undefined && b === undefined ? [x, w, r] : [x, w, r, b, lengths], results, attributes);
}

/** int32 lengths of 1 … `time`. */
function lengthsOf(draft: GraphDraft, time: number, batch: number) {
  const index = indices(draft, time, [batch]);
  const least = draft.one('Max', [index, draft.constant('int64', [], [1])], 'int64', index.dims);
  return draft.one('Cast', [least], 'int32', index.dims, { to: 6 });
}

export const IMAGE_STEPS: Steps = { convolve, convolveBack, pool, morePool: pool, resize, recurrent };
