/** Ops that repeat data, make it of a shape, or number it. */
import { shapeOf, sizeNumber } from '../drawn-sizes.ts';
import { type GraphDraft, misfit, ROWS } from '../graph-draft.ts';
import { cast, floatOfRank, floatValue, someAxis, squeeze, unsqueeze, weights } from '../operands.ts';
import type { Steps } from './step.ts';

function expand(draft: GraphDraft): void {
  if (draft.opset < 8) throw misfit();
  const x = draft.draw.oneIn(3) ? weights(draft, 'float', [1, draft.draw.between(1, 3)]) : draft.some();
  const wanted = x.dims.map((dim) => (dim === 1 ? draft.draw.pick([1, 2, ROWS]) : draft.draw.oneIn(3) ? 1 : dim));
  const front = draft.draw.oneIn(3) ? [draft.draw.pick([1, 2, ROWS])] : [];
  const all = [...front, ...wanted];
  const dims = [...front, ...wanted.map((dim, at) => Math.max(dim, x.dims[at]!) * Math.min(1, x.dims[at]!))];
  draft.one('Expand', [x, shapeOf(draft, all)], x.type, dims);
}

function tile(draft: GraphDraft): void {
  const x = draft.draw.oneIn(3)
    ? weights(draft, 'float', [1, 2])
    : draft.some(({ dims, type }) => dims.length > 0 && type !== 'string');
  const repeats = x.dims.map((dim) =>
    dim === 1
      ? draft.draw.pick([1, 2, ROWS])
      : dim % ROWS === 0
        ? draft.draw.oneIn(9)
          ? 2
          : 1
        : draft.draw.between(1, 2),
  );
  draft.one(
    'Tile',
    [x, shapeOf(draft, repeats)],
    x.type,
    x.dims.map((dim, at) => dim * repeats[at]!),
  );
}

function filled(draft: GraphDraft): void {
  if (draft.opset < 9) throw misfit();
  const like = floatValue(draft, ({ dims }) => dims.length > 0);
  const dims = draft.draw.oneIn(2) ? [like.dims[0]!] : like.dims;
  const value = { tensor: { type: 'float' as const, dims: [1], values: [draft.draw.pick([0, 1, -0.5])] } };
  const made = draft.one(
    'ConstantOfShape',
    [shapeOf(draft, dims)],
    'float',
    dims,
    draft.draw.oneIn(4) ? {} : { value },
  );
  const column =
    dims.length === like.dims.length
      ? made
      : like.dims.slice(1).reduce((of) => unsqueeze(draft, of, of.dims.length), made);
  draft.one(draft.draw.pick(['Add', 'Mul']), [like, column], 'float', like.dims);
}

function places(draft: GraphDraft): void {
  if (draft.opset < 11) throw misfit();
  const like = floatValue(draft, ({ dims }) => dims.length > 0);
  const axis = someAxis(draft, like);
  const limit = squeeze(draft, sizeNumber(draft, like.dims[axis]!), 0);
  const isFloat = draft.draw.oneIn(3);
  const bounds = [draft.scalar(0), limit, draft.scalar(1)].map((bound) =>
    isFloat ? cast(draft, bound, 'float') : bound,
  );
  const range = cast(draft, draft.one('Range', bounds, isFloat ? 'float' : 'int64', [like.dims[axis]!]), 'float');
  const column = like.dims.slice(axis + 1).reduce((of) => unsqueeze(draft, of, of.dims.length), range);
  draft.one('Add', [like, column], 'float', like.dims);
}

function eye(draft: GraphDraft): void {
  if (draft.opset < 9) throw misfit();
  const x = floatOfRank(draft, 2);
  const ones = draft.one('EyeLike', [x], 'float', x.dims, { dtype: 1, k: draft.draw.between(-1, 1) });
  draft.one('Add', [x, ones], 'float', x.dims);
}

function depthAndSpace(draft: GraphDraft): void {
  const { draw } = draft;
  if (draw.oneIn(2)) {
    const x = draft.some(
      ({ dims, type }) => type === 'float' && dims.length === 4 && dims[2]! % 2 === 0 && dims[3]! % 2 === 0,
    );
    draft.one('SpaceToDepth', [x], 'float', [x.dims[0]!, x.dims[1]! * 4, x.dims[2]! / 2, x.dims[3]! / 2], {
      blocksize: 2,
    });
    return;
  }
  const x = draft.some(({ dims, type }) => type === 'float' && dims.length === 4 && dims[1]! % 4 === 0);
  const mode = draft.opset >= 11 ? { mode: draw.pick(['DCR', 'CRD']) } : {};
  draft.one('DepthToSpace', [x], 'float', [x.dims[0]!, x.dims[1]! / 4, x.dims[2]! * 2, x.dims[3]! * 2], {
    blocksize: 2,
    ...mode,
  });
}

export const REPEAT_STEPS: Steps = { expand, tile, filled, places, eye, depthAndSpace };
