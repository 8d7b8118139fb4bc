/**
 * Numbers and shapes as graphs compute them: by Shape, Gather, arithmetic and casts. With ROWS rows the result is the
 * number that is wanted; with others it is whatever the nodes make of it.
 */
import { ELEMENT_TYPES } from '../support/onnx-graph.ts';
import { type Drawn, type GraphDraft, misfit, sizeOfDims } from './graph-draft.ts';
import { squeeze, unsqueeze } from './operands.ts';

type Way = (draft: GraphDraft, n: number, depth: number) => Drawn;

/** An int64 tensor [1] of the number. */
export function sizeNumber(draft: GraphDraft, n: number, depth = 0): Drawn {
  const ways = depth > 2 ? PLAIN_WAYS : draft.draw.oneIn(2) ? PLAIN_WAYS : WAYS;
  for (let tries = 0; tries < 4; tries++) {
    const found = tryWay(draft, draft.draw.pick(ways), n, depth);
    if (found !== undefined) return found;
  }
  return draft.ints(n);
}

function tryWay(draft: GraphDraft, way: Way, n: number, depth: number): Drawn | undefined {
  try {
    return way(draft, n, depth);
  } catch (error) {
    if (error instanceof Error && error.message === misfit().message) return undefined;
    throw error;
  }
}

/** A tensor of the numbers, in one of the ways that exporters write. */
export function shapeOf(draft: GraphDraft, numbers: readonly number[]): Drawn {
  const { draw } = draft;
  const isPlain = numbers.every((n) => n < 0) || draw.oneIn(4);
  if (isPlain || numbers.length === 0) return draft.ints(...numbers);
  const parts = numbers.map((n) => (n <= 0 ? draft.ints(n) : sizeNumber(draft, n)));
  return concat(draft, parts, [numbers.length]);
}

function concat(draft: GraphDraft, parts: readonly Drawn[], dims: readonly number[]): Drawn {
  if (parts.length === 1) return parts[0]!;
  return draft.one('Concat', parts, 'int64', dims, { axis: draft.opset >= 11 && draft.draw.oneIn(4) ? -1 : 0 });
}

function binary(draft: GraphDraft, op: string, a: Drawn, b: Drawn, type: Drawn['type'] = a.type): Drawn {
  return draft.one(op, [a, b], type, [1]);
}

/** A dim of a value that is as long. */
const dim: Way = (draft, n) => {
  const value = draft.some(({ dims }) => dims.includes(n));
  const axis = draft.draw.pick(value.dims.flatMap((size, at) => (size === n ? [at] : [])));
  const rank = value.dims.length;
  if (draft.opset >= 15 && draft.draw.oneIn(3)) {
    return draft.one(
      'Shape',
      [value],
      'int64',
      [1],
      axis === rank - 1 ? { start: -1 } : { start: axis, end: axis + 1 },
    );
  }
  const shape = draft.one('Shape', [value], 'int64', [rank]);
  if (draft.draw.oneIn(3)) return sliceOne(draft, shape, axis);
  const at = draft.opset >= 11 && draft.draw.oneIn(2) ? axis - rank : axis;
  if (draft.draw.oneIn(3)) return draft.one('Gather', [shape, draft.ints(at)], 'int64', [1], { axis: 0 });
  return unsqueeze(draft, draft.one('Gather', [shape, draft.scalar(at)], 'int64', [], { axis: 0 }), 0);
};

function sliceOne(draft: GraphDraft, shape: Drawn, axis: number): Drawn {
  const rank = shape.dims[0]!;
  if (draft.opset < 10)
    return draft.one('Slice', [shape], 'int64', [1], { starts: [axis], ends: [axis + 1], axes: [0] });
  const [start, end] = draft.draw.oneIn(2)
    ? [axis, axis + 1]
    : [axis - rank, axis === rank - 1 ? 2 ** 40 : axis + 1 - rank];
  return draft.one('Slice', [shape, draft.ints(start), draft.ints(end), draft.ints(0)], 'int64', [1]);
}

/** A division of integers by 0 ends the process. */
export function atLeastOne(draft: GraphDraft, number: Drawn): Drawn {
  if (draft.opset < 12) throw misfit();
  return draft.one('Max', [number, draft.ints(1)], 'int64', [1]);
}

const PLAIN_WAYS: readonly Way[] = [dim, dim, dim, (draft, n) => draft.ints(n)];

function divisor(draft: GraphDraft, n: number): number {
  if (n <= 0) throw misfit();
  return draft.draw.pick(Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0));
}

/** The size of a value, or of some of its dims. */
const total: Way = (draft, n, depth) => {
  const value = draft.some(({ dims }) => sizeOfDims(dims) > 0 && n % sizeOfDims(dims) === 0);
  const size = sizeOfDims(value.dims);
  const all = draft.draw.oneIn(2)
    ? unsqueeze(draft, draft.one('Size', [value], 'int64', []), 0)
    : draft.one('ReduceProd', [draft.one('Shape', [value], 'int64', [value.dims.length])], 'int64', [1], {});
  return size === n ? all : binary(draft, 'Mul', all, sizeNumber(draft, n / size, depth + 1));
};

/** A quotient that is rounded, of floats or of integers. */
const rounded: Way = (draft, n, depth) => {
  const by = draft.draw.between(2, 3);
  const more = draft.draw.below(by);
  const top = sizeNumber(draft, n * by + more, depth + 1);
  if (draft.draw.oneIn(2)) return binary(draft, 'Div', top, draft.ints(by));
  const to = (value: Drawn, type: 'float' | 'int64') =>
    draft.one('Cast', [value], type, [1], { to: ELEMENT_TYPES[type] });
  const share = draft.one('Div', [to(top, 'float'), draft.constant('float', [1], [by])], 'float', [1]);
  const op = draft.draw.pick(
    more === 0 ? ['Floor', 'Ceil', 'Identity', ...(draft.opset >= 11 ? ['Round'] : [])] : ['Floor'],
  );
  return to(draft.one(op, [share], 'float', [1]), 'int64');
};

const scaled: Way = (draft, n, depth) => {
  const to = (value: Drawn, type: 'float' | 'int64' | 'double') =>
    draft.one('Cast', [value], type, [1], { to: ELEMENT_TYPES[type] });
  const type = draft.draw.pick(['float', 'double'] as const);
  const [factor, times] = draft.draw.pick([
    [0.5, 2],
    [2, 0.5],
    [4, 0.25],
    [1 / 3, 3],
  ] as const);
  const float = to(sizeNumber(draft, n, depth + 1), type);
  const first = draft.one('Mul', [float, draft.constant(type, [1], [factor])], type, [1]);
  const second = draft.one('Mul', [first, draft.constant(type, [1], [times])], type, [1]);
  return to(draft.opset >= 11 ? draft.one('Round', [second], type, [1]) : second, 'int64');
};

const where: Way = (draft, n, depth) => {
  if (draft.opset < 9) throw misfit();
  const [a, b] = [draft.draw.between(-1, 8), draft.draw.between(-1, 8)];
  const ops = draft.opset >= 9 ? ['Equal', 'Less', 'Greater'] : ['Equal'];
  const op = draft.draw.pick(draft.opset >= 12 ? [...ops, 'LessOrEqual', 'GreaterOrEqual'] : ops);
  const isTrue = { Equal: a === b, Less: a < b, Greater: a > b, LessOrEqual: a <= b, GreaterOrEqual: a >= b }[op]!;
  const condition = binary(draft, op, sizeNumber(draft, a, depth + 1), sizeNumber(draft, b, depth + 1), 'bool');
  const isNot = draft.draw.oneIn(3);
  const given = isNot ? draft.one('Not', [condition], 'bool', [1]) : condition;
  const [wanted, other] = [sizeNumber(draft, n, depth + 1), sizeNumber(draft, draft.draw.between(1, 9), depth + 1)];
  return draft.one('Where', isTrue !== isNot ? [given, wanted, other] : [given, other, wanted], 'int64', [1]);
};

/** A number that does not fit the type that it is cast to, or computed in. */
const wrapped: Way = (draft, n, depth) => {
  const type = draft.draw.pick(['int32', 'uint8', 'int8', 'float'] as const);
  const to = (value: Drawn, as: Drawn['type']) => draft.one('Cast', [value], as, [1], { to: ELEMENT_TYPES[as] });
  if (n < 0 || n > 100) throw misfit();
  if (type === 'float') {
    if (draft.opset < 12) throw misfit();
    const large = binary(draft, 'Add', sizeNumber(draft, n, depth + 1), draft.ints(2 ** 25));
    const back = draft.one('Sub', [to(to(large, 'float'), 'int64'), draft.ints(2 ** 25 + (n % 2))], 'int64', [1]);
    return binary(draft, 'Max', back, draft.ints(1));
  }
  const span = type === 'int32' ? 2 ** 32 : 256;
  if (draft.draw.oneIn(2)) {
    return to(to(binary(draft, 'Add', sizeNumber(draft, n, depth + 1), draft.ints(span)), type), 'int64');
  }
  const half = draft.constant(type, [1], [type === 'int8' ? 127 : span / 2 - 1]);
  const rest = draft.constant(type, [1], [2]);
  const sum = (a: Drawn, b: Drawn) => draft.one('Add', [a, b], type, [1]);
  return to(sum(sum(sum(to(sizeNumber(draft, n, depth + 1), type), half), half), rest), 'int64');
};

/** A number among others of one tensor, moved by ops that keep, sort or add elements. */
const moved: Way = (draft, n, depth) => {
  const { draw, opset } = draft;
  const [first, second] = [sizeNumber(draft, n, depth + 1), sizeNumber(draft, n + draw.between(1, 3), depth + 1)];
  const both = concat(draft, [first, second], [2]);
  const pick = (of: Drawn, at: number) => draft.one('Gather', [of, draft.ints(at)], 'int64', [1], { axis: 0 });
  switch (draw.below(6)) {
    case 0:
      return pick(draft.one('CumSum', [both, draft.scalar(0)], 'int64', [2]), 0);
    case 1: {
      if (opset < 11) throw misfit();
      const [sorted] = draft.add(
        'TopK',
        [both, draft.ints(2)],
        [
          { type: 'int64', dims: [2] },
          { type: 'int64', dims: [2] },
        ],
        {},
      );
      return pick(sorted!, 1);
    }
    case 2: {
      const sum = draft.one('CumSum', [both, draft.scalar(0)], 'int64', [2], { reverse: 1 });
      return draft.one('Sub', [pick(sum, 0), pick(both, 1)], 'int64', [1]);
    }
    case 3:
      return draft.one('ReduceMin', [both], 'int64', [1], {});
    case 4:
      if (opset < 13) throw misfit();
      return pick(
        draft.one('ScatterND', [both, draft.constant('int64', [1, 1], [1]), first], 'int64', [2]),
        draw.below(2),
      );
    default: {
      const square = draft.one('Reshape', [concat(draft, [both, both], [4]), draft.ints(2, 2)], 'int64', [2, 2]);
      const turned = draft.one('Transpose', [square], 'int64', [2, 2], { perm: [1, 0] });
      return pick(draft.one('Reshape', [turned, draft.ints(-1)], 'int64', [4]), draw.below(2));
    }
  }
};

const WAYS: readonly Way[] = [
  dim,
  total,
  rounded,
  rounded,
  scaled,
  where,
  wrapped,
  moved,
  (draft, n, depth) => {
    const by = divisor(draft, n);
    return binary(draft, 'Mul', sizeNumber(draft, by, depth + 1), sizeNumber(draft, n / by, depth + 1));
  },
  (draft, n, depth) => {
    const by = draft.draw.pick([2, 3, 4, 7]);
    const divisor = draft.opset < 12 ? dim(draft, by, depth) : atLeastOne(draft, sizeNumber(draft, by, depth + 1));
    return binary(draft, 'Div', sizeNumber(draft, n * by, depth + 1), divisor);
  },
  (draft, n, depth) => {
    const part = draft.draw.between(0, n);
    return binary(draft, 'Add', sizeNumber(draft, n - part, depth + 1), sizeNumber(draft, part, depth + 1));
  },
  (draft, n, depth) => {
    const more = draft.draw.pick([1, 2, 3, 7]);
    return binary(draft, 'Sub', sizeNumber(draft, n + more, depth + 1), sizeNumber(draft, more, depth + 1));
  },
  (draft, n, depth) => {
    if (draft.opset < 12) throw misfit();
    const other = draft.draw.between(1, n);
    return binary(draft, 'Max', sizeNumber(draft, n, depth + 1), sizeNumber(draft, other, depth + 1));
  },
  (draft, n, depth) => {
    if (draft.opset < 10) throw misfit();
    return binary(draft, 'Mod', sizeNumber(draft, n, depth + 1), draft.ints(draft.draw.between(n + 1, n + 9)));
  },
  (draft, n, depth) => {
    const negative = draft.one('Neg', [sizeNumber(draft, n, depth + 1)], 'int64', [1]);
    return draft.one(draft.draw.pick(['Neg', 'Abs']), [negative], 'int64', [1]);
  },
  (draft, n, depth) => unsqueeze(draft, squeeze(draft, sizeNumber(draft, n, depth + 1), 0), 0),
];
