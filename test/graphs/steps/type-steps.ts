/** Casts, quantization, flags and bits. */
import { type ElementType, type GraphDraft, misfit } from '../graph-draft.ts';
import { broadcastDims, cast, FLOATS, floatValue, NUMBERS, ofType, partner, signed, someAxis } from '../operands.ts';
import type { Steps } from './step.ts';

const CASTS: readonly ElementType[] = [
  'float',
  'double',
  'int64',
  'int32',
  'int8',
  'uint8',
  'uint32',
  'bool',
  'string',
];

/** The type that a cast of a float gives; uint32 goes on as int64, which more ops take. */
function castStep(draft: GraphDraft): void {
  const x = draft.some(({ type }) => type !== 'string' || draft.opset >= 9);
  const to = draft.draw.pick(CASTS.filter((type) => type !== 'string' || draft.opset >= 9));
  if (x.type === 'string' && to === 'bool') throw misfit();
  const y = cast(draft, x, to);
  if (to === 'uint32') cast(draft, y, 'int64');
}

function castHalf(draft: GraphDraft): void {
  const x = floatValue(draft);
  const half = draft.add('Cast', [x], [{ type: 'float', dims: x.dims }], { to: 10 })[0]!;
  draft.values.pop();
  draft.one('Cast', [half], 'float', x.dims, { to: 1 });
}

function castLike(draft: GraphDraft): void {
  if (draft.opset < 15) throw misfit();
  const [x, like] = [ofType(draft, NUMBERS), ofType(draft, NUMBERS)];
  const odd = FLOATS.includes(x.type) ? [2.7, -1.5, 300] : [2, 5, 100];
  const given = draft.draw.oneIn(3) ? draft.constant(x.type, [2], [draft.draw.pick(odd), 1]) : x;
  draft.one('CastLike', [given, like], like.type, given.dims);
}

function quantize(draft: GraphDraft): void {
  if (draft.opset < 10) throw misfit();
  const x = floatValue(draft);
  const isPerAxis = draft.opset >= 13 && x.dims.length > 0 && draft.draw.oneIn(2);
  const axis = isPerAxis ? someAxis(draft, x) : 1;
  const dims = isPerAxis ? [x.dims[axis]!] : [];
  const scale = draft.constant(
    'float',
    dims,
    Array.from({ length: dims[0] ?? 1 }, (_, i) => 0.25 + 0.125 * i),
  );
  const type = draft.draw.pick(['uint8', 'int8'] as const);
  const zero = draft.constant(
    type,
    dims,
    Array.from({ length: dims[0] ?? 1 }, (_, i) => i % 5),
  );
  const attributes = isPerAxis ? { axis: signed(draft, axis, x.dims.length, true) } : {};
  const q = draft.one('QuantizeLinear', [x, scale, zero], type, x.dims, attributes);
  if (!draft.draw.oneIn(4)) draft.one('DequantizeLinear', [q, scale, zero], 'float', x.dims, attributes);
}

function dynamicQuantize(draft: GraphDraft): void {
  if (draft.opset < 11) throw misfit();
  const x = floatValue(draft);
  const [q, scale, zero] = draft.add(
    'DynamicQuantizeLinear',
    [x],
    [
      { type: 'uint8', dims: x.dims },
      { type: 'float', dims: [] },
      { type: 'uint8', dims: [] },
    ],
  );
  draft.one('DequantizeLinear', [q, scale, zero], 'float', x.dims);
}

function test(draft: GraphDraft): void {
  const op = draft.draw.pick(draft.opset >= 10 ? ['IsNaN', 'IsInf'] : ['IsNaN']);
  if (draft.opset < 9) throw misfit();
  const x = floatValue(draft);
  cast(draft, draft.one(op, [x], 'bool', x.dims), 'float');
}

function bits(draft: GraphDraft): void {
  const isShift = draft.draw.oneIn(2);
  if (draft.opset < (isShift ? 11 : 18)) throw misfit();
  const a = ofType(draft, isShift ? ['uint8'] : ['uint8', 'int32', 'int64']);
  const b = isShift ? draft.constant('uint8', [1], [draft.draw.below(8)]) : partner(draft, a);
  const op = isShift ? 'BitShift' : draft.draw.pick(['BitwiseAnd', 'BitwiseOr', 'BitwiseXor']);
  draft.one(
    op,
    [a, b],
    a.type,
    broadcastDims(a.dims, b.dims) ?? [],
    isShift ? { direction: draft.draw.pick(['LEFT', 'RIGHT']) } : {},
  );
}

export const TYPE_STEPS: Steps = {
  bits,
  cast: castStep,
  castHalf,
  castLike,
  quantize,
  dynamicQuantize,
  test,
};
