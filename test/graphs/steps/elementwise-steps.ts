/** Ops on each element, with broadcasting; casts; integers that wrap. */

import { atLeastOne, sizeNumber } from '../drawn-sizes.ts';
import { type Drawn, type ElementType, type GraphDraft, misfit } from '../graph-draft.ts';
import {
  broadcastDims,
  cast,
  FLOATS,
  floatValue,
  INTEGERS,
  NUMBERS,
  narrower,
  ofType,
  partner,
  signed,
  someAxis,
  unsqueeze,
  weights,
} from '../operands.ts';
import type { Steps } from './step.ts';

const UNARY: readonly (readonly [op: string, opset: number])[] = [
  ...[
    'Abs',
    'Neg',
    'Relu',
    'Tanh',
    'Sigmoid',
    'Exp',
    'Sqrt',
    'Floor',
    'Ceil',
    'Softplus',
    'Softsign',
    'Elu',
    'Selu',
    'LeakyRelu',
    'ThresholdedRelu',
    'HardSigmoid',
    'Reciprocal',
    'Log',
    'Sin',
    'Cos',
    'Atan',
    'Identity',
  ].map((op) => [op, 7] as const),
  ...['Sign', 'Erf', 'Shrink', 'Sinh', 'Asinh'].map((op) => [op, 9] as const),
  ...[
    ['Round', 11],
    ['Celu', 12],
    ['HardSwish', 14],
    ['Mish', 18],
    ['Gelu', 20],
  ].map(([op, from]) => [op as string, from as number] as const),
];

function binaryDims(a: Drawn, b: Drawn): number[] {
  const dims = broadcastDims(a.dims, b.dims);
  if (dims === undefined) throw misfit();
  return dims;
}

function arithmetic(draft: GraphDraft): void {
  const type: ElementType = draft.draw.oneIn(2)
    ? 'float'
    : draft.draw.pick(draft.opset >= 14 ? NUMBERS : ['float', 'double', 'int64', 'int32']);
  const a = ofType(draft, [type]);
  const op = draft.draw.pick(['Add', 'Sub', 'Mul', 'Div']);
  const isIntegerDivision = op === 'Div' && INTEGERS.includes(type);
  const b = isIntegerDivision
    ? weights(draft, type === 'uint8' ? 'uint8' : type, narrower(draft, a.dims), true)
    : partner(draft, a);
  // The least integer divided by -1 ends the process on some machines.
  const divisor = isIntegerDivision ? draft.one('Abs', [b], type, b.dims) : b;
  const isSwapped = !isIntegerDivision && draft.draw.oneIn(3);
  draft.one(op, isSwapped ? [divisor, a] : [a, divisor], type, binaryDims(a, b));
}

function variadic(draft: GraphDraft): void {
  const op = draft.draw.pick(['Min', 'Max', 'Sum', 'Mean']);
  const isAnyType = draft.opset >= 12 && (op === 'Min' || op === 'Max');
  const a = ofType(draft, isAnyType ? ['float', 'int64', 'int32', 'uint8', 'int8'] : ['float']);
  const b = partner(draft, a);
  const dims = binaryDims(a, b);
  const c = draft.draw.oneIn(2) ? weights(draft, a.type, narrower(draft, dims)) : undefined;
  draft.one(op, c === undefined ? [a, b] : [b, a, c], a.type, dims);
}

function compare(draft: GraphDraft): void {
  const { opset, draw } = draft;
  const ops =
    opset >= 12
      ? ['Less', 'Greater', 'Equal', 'LessOrEqual', 'GreaterOrEqual']
      : opset >= 9
        ? ['Less', 'Greater', 'Equal']
        : ['Equal'];
  const op = draw.pick(ops);
  const types: readonly ElementType[] = op === 'Equal' && opset < 11 ? ['int64', 'int32'] : ['float', 'int64', 'int32'];
  const a = ofType(draft, op === 'Equal' && opset >= 19 && draw.oneIn(3) ? ['string'] : types);
  const b = partner(draft, a);
  const condition = draft.one(op, [a, b], 'bool', binaryDims(a, b));
  if (draw.oneIn(2)) cast(draft, condition, 'float');
}

function logic(draft: GraphDraft): void {
  const a = ofType(draft, ['bool']);
  const other = draft.draw.oneIn(2) ? draft.one('Not', [a], 'bool', a.dims) : a;
  const b = partner(draft, other);
  draft.one(draft.draw.pick(['And', 'Or', 'Xor']), [other, b], 'bool', binaryDims(other, b));
}

function where(draft: GraphDraft): void {
  if (draft.opset < 9) throw misfit();
  const types: readonly ElementType[] = ['float', 'int64', 'int32', 'uint8', 'string'];
  const a = ofType(
    draft,
    draft.draw.oneIn(2)
      ? ['float']
      : types.filter((type) => type !== 'string' || draft.seen.some((value) => value.type === 'string')),
  );
  const b = partner(draft, a);
  const dims = binaryDims(a, b);
  const conditions = draft.seen.filter(
    (value) => value.type === 'bool' && broadcastDims(value.dims, dims) !== undefined,
  );
  const condition = conditions.length > 0 ? draft.draw.pick(conditions) : weights(draft, 'bool', narrower(draft, dims));
  draft.one('Where', [condition, a, b], a.type, broadcastDims(condition.dims, dims)!);
}

function remainder(draft: GraphDraft): void {
  if (draft.opset < 10) throw misfit();
  const isFloat = draft.draw.oneIn(3);
  const a = ofType(draft, isFloat ? ['float'] : ['int64', 'int32', 'int8', 'uint8']);
  const numbers = weights(draft, a.type, narrower(draft, a.dims), true);
  // The least integer modulo -1 ends the process.
  const b = isFloat ? numbers : draft.one('Abs', [numbers], a.type, numbers.dims);
  draft.one('Mod', [a, b], a.type, binaryDims(a, b), { fmod: isFloat || draft.draw.oneIn(3) ? 1 : 0 });
}

function clip(draft: GraphDraft): void {
  const x = ofType(draft, draft.opset >= 12 ? ['float', 'int64', 'int32', 'uint8'] : ['float']);
  if (draft.opset < 11) draft.one('Clip', [x], x.type, x.dims, { min: { float: -1 }, max: { float: 2.5 } });
  else {
    const [low, high] = [draft.constant(x.type, [], [0]), draft.constant(x.type, [], [3])];
    draft.one(
      'Clip',
      draft.draw.pick([
        [x, low, high],
        [x, undefined, high],
        [x, low],
      ]),
      x.type,
      x.dims,
    );
  }
}

function slopes(draft: GraphDraft): void {
  const x = floatValue(draft);
  const slope = partner(draft, x, true);
  if (broadcastDims(slope.dims, x.dims)?.join() !== x.dims.join()) throw misfit();
  draft.one('PRelu', [x, slope], 'float', x.dims);
}

/** The same values along another axis. */
function crossed(draft: GraphDraft): void {
  const x = floatValue(draft, ({ dims }) => dims.length > 0 && dims.length < 4);
  const axis = draft.draw.between(0, x.dims.length);
  const other = unsqueeze(draft, x, axis);
  const y = draft.draw.oneIn(2) ? x : draft.one('Tanh', [x], 'float', x.dims);
  const dims = broadcastDims(other.dims, y.dims);
  if (dims !== undefined) draft.one(draft.draw.pick(['Add', 'Mul', 'Sub']), [other, y], 'float', dims);
}

/** A number of rows, or of a part of them, in the values; some cancel out. */
function counted(draft: GraphDraft): void {
  const x = floatValue(draft, ({ dims }) => dims.length > 0);
  const axis = someAxis(draft, x);
  const size = sizeNumber(draft, x.dims[axis]!);
  const other = draft.draw.oneIn(2) ? sizeNumber(draft, x.dims[axis]!) : draft.ints(x.dims[axis]!);
  const number = draft.draw.pick([
    () => size,
    () => draft.one('Sub', [size, other], 'int64', [1]),
    () => draft.one('Div', [size, atLeastOne(draft, other)], 'int64', [1]),
  ])();
  draft.one('Mul', [x, cast(draft, number, 'float')], 'float', x.dims);
}

function softmax(draft: GraphDraft): void {
  const x = floatValue(draft, ({ dims }) => dims.length > 0 && !dims.includes(0));
  const axis = signed(draft, someAxis(draft, x), x.dims.length, draft.opset >= 11);
  draft.one(
    draft.draw.pick(['Softmax', 'LogSoftmax', 'Hardmax']),
    [x],
    'float',
    x.dims,
    draft.draw.oneIn(4) ? {} : { axis },
  );
}

function power(draft: GraphDraft): void {
  const x = floatValue(draft);
  draft.one('Pow', [x, draft.constant('float', [], [draft.draw.pick([2, 3, 0.5, -1])])], 'float', x.dims);
}

export const ELEMENTWISE_STEPS: Steps = {
  unary: (draft) => {
    const [op] = draft.draw.pick(UNARY.filter(([, from]) => draft.opset >= from));
    const x = floatValue(draft);
    draft.one(op, [x], 'float', x.dims);
  },
  unaryInteger: (draft) => {
    const x = ofType(draft, draft.opset >= 13 ? ['int64', 'int32', 'int8'] : ['int64', 'int32']);
    draft.one(draft.draw.pick(draft.opset >= 13 ? ['Abs', 'Neg', 'Sign'] : ['Abs', 'Neg']), [x], x.type, x.dims);
  },
  doubles: (draft) => {
    const x = ofType(draft, FLOATS);
    draft.one(draft.draw.pick(['Abs', 'Neg', 'Floor', 'Sqrt', 'Exp']), [x], x.type, x.dims);
  },
  arithmetic,
  moreArithmetic: arithmetic,
  variadic,
  compare,
  logic,
  where,
  remainder,
  clip,
  slopes,
  crossed,
  counted,
  softmax,
  power,
};
