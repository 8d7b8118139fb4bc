/** Products of matrices. */
import { type Drawn, type GraphDraft, misfit, ROWS } from '../graph-draft.ts';
import { broadcastDims, cast, floatOfRank, floatValue, narrower, ofType, partner, weights } from '../operands.ts';
import type { Steps } from './step.ts';

function productDims(a: readonly number[], b: readonly number[]): number[] {
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  const lead = broadcastDims(left.slice(0, -2), right.slice(0, -2));
  if (lead === undefined || left.at(-1) !== right.at(-2)) throw misfit();
  return [...lead, ...(a.length === 1 ? [] : [left.at(-2)!]), ...(b.length === 1 ? [] : [right.at(-1)!])];
}

/** Weights rarely have the rows' number of dims: such graphs run with that number alone. */
function checkInner(draft: GraphDraft, dim: number): void {
  if (dim % ROWS === 0 && !draft.draw.oneIn(6)) throw misfit();
}

/** A tenth keeps sums within numbers that can be told apart. */
function tenth(draft: GraphDraft, x: Drawn): void {
  draft.one('Mul', [x, draft.constant('float', [], [0.125])], 'float', x.dims);
}

function matMul(draft: GraphDraft): void {
  const a = floatValue(draft, ({ dims }) => dims.length > 0);
  const fits = (other: Drawn) => {
    try {
      productDims(a.dims, other.dims);
      return other.type === 'float' && other.dims.length > 0;
    } catch {
      return false;
    }
  };
  if (draft.draw.oneIn(2) && draft.seen.some(fits)) {
    const b = draft.some(fits);
    tenth(draft, draft.one('MatMul', [a, b], 'float', productDims(a.dims, b.dims)));
    return;
  }
  const inner = a.dims.at(-1)!;
  checkInner(draft, inner);
  const lead = narrower(draft, a.dims.slice(0, -2));
  const dims = draft.draw.oneIn(6) ? [inner] : [...(draft.draw.oneIn(2) ? lead : []), inner, draft.draw.between(1, 3)];
  const b = weights(draft, 'float', dims, true);
  tenth(draft, draft.one('MatMul', [a, b], 'float', productDims(a.dims, b.dims)));
}

function weightFirst(draft: GraphDraft): void {
  const b = floatValue(draft, ({ dims }) => dims.length > 0);
  const inner = b.dims.length === 1 ? b.dims[0]! : b.dims.at(-2)!;
  checkInner(draft, inner);
  const a = weights(draft, 'float', draft.draw.oneIn(5) ? [inner] : [draft.draw.between(1, 3), inner], true);
  tenth(draft, draft.one('MatMul', [a, b], 'float', productDims(a.dims, b.dims)));
}

/** A product with itself, turned. */
function scores(draft: GraphDraft): void {
  const x = floatValue(draft, ({ dims }) => dims.length > 1 && !dims.includes(0));
  const rank = x.dims.length;
  const perm = [...x.dims.keys()];
  perm.push(...perm.splice(-2).reverse());
  const turned = draft.one(
    'Transpose',
    [x],
    'float',
    perm.map((axis) => x.dims[axis]!),
    { perm },
  );
  const dims = [...x.dims.slice(0, -1), x.dims.at(-2)!];
  const product = draft.one('MatMul', [x, turned], 'float', dims);
  const shares = draft.one('Softmax', [product], 'float', dims, { axis: rank - 1 });
  draft.one('MatMul', [shares, x], 'float', x.dims);
}

function gemm(draft: GraphDraft): void {
  const { draw } = draft;
  const x = floatOfRank(draft, 2);
  const isSecond = draw.oneIn(4);
  const [transA, transB] = [draw.below(2), draw.below(2)];
  const side = isSecond ? transB : transA;
  const own = side === 1 ? [...x.dims].reverse() : x.dims;
  const free = draw.between(1, 3);
  checkInner(draft, isSecond ? own[0]! : own[1]!);
  const otherDims = isSecond ? [free, own[0]!] : [own[1]!, free];
  const isOtherTurned = (isSecond ? transA : transB) === 1;
  const other = weights(draft, 'float', isOtherTurned ? [...otherDims].reverse() : otherDims, true);
  const dims = isSecond ? [free, own[1]!] : [own[0]!, free];
  const inputs = isSecond ? [other, x] : [x, other];
  const c = draw.oneIn(3) ? partner(draft, { ...x, dims }, true) : weights(draft, 'float', narrower(draft, dims), true);
  if (broadcastDims(c.dims, dims)?.join() !== dims.join()) throw misfit();
  const attributes = { transA, transB, ...(draw.oneIn(3) ? { alpha: { float: 0.5 }, beta: { float: 2 } } : {}) };
  draft.one('Gemm', draw.oneIn(4) && draft.opset >= 11 ? inputs : [...inputs, c], 'float', dims, attributes);
}

/** Labels of the equation with their sizes. */
function einsum(draft: GraphDraft): void {
  if (draft.opset < 12) throw misfit();
  const { draw } = draft;
  const x = floatValue(draft, ({ dims }) => dims.length > 0 && dims.length < 5 && !dims.includes(0));
  const names = draw.shuffled([...(draw.oneIn(3) ? 'aBcDe' : 'abcde')]);
  const labels = names.slice(0, x.dims.length);
  const sizes = new Map(labels.map((label, at) => [label, x.dims[at]!]));
  const others = draft.seen.filter(
    ({ type, dims }) => type === 'float' && dims.length === x.dims.length && dims.join() === x.dims.join(),
  );
  const isPair = others.length > 0 && draw.oneIn(2);
  const second = isPair ? draw.pick(others) : undefined;
  const secondLabels = isPair
    ? draw.oneIn(3)
      ? draw.shuffled(labels)
      : labels
    : weightLabels(draft, labels, names[x.dims.length]!);
  const free = draw.between(1, 3);
  const sizesOfSecond =
    second?.dims ?? secondLabels.map((label) => (sizes.has(label) ? (draw.oneIn(6) ? 1 : sizes.get(label)!) : free));
  const y = second ?? weights(draft, 'float', sizesOfSecond, true);
  for (const [at, label] of secondLabels.entries()) {
    const size = sizesOfSecond[at]!;
    const before = sizes.get(label) ?? 1;
    if (before !== 1 && size !== 1 && before !== size) throw misfit();
    sizes.set(label, Math.max(before, size));
  }
  const isFlipped = draw.oneIn(3);
  const terms = [labels.join(''), secondLabels.join('')];
  const left = (isFlipped ? terms.reverse() : terms).join(',');
  const isImplicit = draw.oneIn(4);
  const all = [...sizes.keys()];
  const kept = all.filter((label) => isImplicit || sizes.get(label) === 7 || draw.oneIn(2));
  const output = isImplicit ? implicit(terms.join('')) : draw.shuffled(kept);
  const equation = isImplicit ? left : `${left}->${output.join('')}`;
  const result = draft.one(
    'Einsum',
    isFlipped ? [y, x] : [x, y],
    'float',
    output.map((label) => sizes.get(label)!),
    { equation },
  );
  tenth(draft, result);
}

/** Labels of a second operand of weights: one that is summed over, and a new one. */
function weightLabels(draft: GraphDraft, labels: readonly string[], fresh: string): string[] {
  const shared = draft.draw.pick(labels);
  return draft.draw.shuffled(draft.draw.oneIn(3) ? [shared] : [shared, fresh]);
}

/** Labels that occur once: those of lower case come first. */
function implicit(all: string): string[] {
  const once = [...all].filter((label) => all.indexOf(label) === all.lastIndexOf(label));
  const place = (label: string) => (label >= 'a' ? label.charCodeAt(0) : label.charCodeAt(0) + 100);
  return once.sort((a, b) => place(a) - place(b));
}

function integerProduct(draft: GraphDraft): void {
  if (draft.opset < 10) throw misfit();
  const a = ofType(draft, ['uint8'], ({ dims }) => dims.length > 1 && dims.length < 4);
  const columns = draft.draw.between(1, 3);
  checkInner(draft, a.dims.at(-1)!);
  const b = draft.constant(
    'uint8',
    [a.dims.at(-1)!, columns],
    Array.from({ length: a.dims.at(-1)! * columns }, (_, i) => (i * 37) % 256),
  );
  const isVector = draft.draw.oneIn(4) && a.dims.length === 2;
  const zero = draft.constant(
    'uint8',
    isVector ? [a.dims[0]!] : [],
    Array.from({ length: isVector ? a.dims[0]! : 1 }, (_, i) => 3 + i),
  );
  const product = draft.one('MatMulInteger', [a, b, ...(draft.draw.oneIn(2) ? [zero] : [])], 'int32', [
    ...a.dims.slice(0, -1),
    columns,
  ]);
  cast(draft, product, 'float');
}

export const MATRIX_STEPS: Steps = { matMul, weightFirst, scores, gemm, einsum, moreEinsum: einsum, integerProduct };
