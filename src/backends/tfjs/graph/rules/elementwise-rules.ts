/** Ops that compute each element from the elements at its place, those of a matrix, and those along axes. */
import { broadcast } from '../../../graph/broadcast.ts';
import { axisFromFront, type Outputs } from '../../../graph/node-call.ts';
import { checkApart, reduced } from '../../../graph/rules/axis-rules.ts';
import { isOne } from '../../../graph/rules/elementwise-rules.ts';
import { transposed } from '../../../graph/rules/matrix-rules.ts';
import { type Known, mixed, undecided, type Value } from '../../../graph/value.ts';
import type { TfCall } from '../tf-call.ts';
import { alias, each, type TfRules } from './tf-rule.ts';

const ELEMENTWISE =
  'Acos Acosh AddN Angle ApproximateEqual AsString Asin Asinh Atan Atan2 Atanh BitwiseAnd BitwiseOr BitwiseXor ' +
  'Bucketize CheckNumerics CheckNumericsV2 ClipByValue Conj Cos Cosh Digamma DivNoNan Elu Erf Erfc Erfinv Exp Expm1 ' +
  'Imag Inv Invert IsFinite IsInf IsNan LeakyRelu LeftShift Lgamma Log Log1p LogicalXor Mod MulNoNan Ndtri NextAfter ' +
  'Polygamma Pow Prelu Real RealDiv Reciprocal Relu Relu6 RightShift Rint Rsqrt Selu Sigmoid Sign Sin Sinh Softplus ' +
  'Softsign Sqrt Square SquaredDifference StringLength StringLower StringStrip StringToHashBucket ' +
  'StringToHashBucketFast StringToHashBucketStrong StringToNumber StringUpper StaticRegexFullMatch StaticRegexReplace ' +
  'Step StringJoin Substr Tan Tanh TruncateMod UnicodeTranscode Xdivy Xlogy Zeta ZerosLike OnesLike ComplexAbs ' +
  'DecodeBase64 EncodeBase64 FloorDiv TruncateDiv BesselI0e BesselI1e';

/** The ops with which shapes are computed: small tensors of integers are followed through them element by element. */
const ALIASES: Readonly<Record<string, string>> = {
  Abs: 'Abs',
  Add: 'Add',
  AddV2: 'Add',
  Ceil: 'Ceil',
  Div: 'Div',
  Floor: 'Floor',
  FloorMod: 'Mod',
  Greater: 'Greater',
  GreaterEqual: 'GreaterOrEqual',
  Less: 'Less',
  LessEqual: 'LessOrEqual',
  LogicalAnd: 'And',
  LogicalNot: 'Not',
  LogicalOr: 'Or',
  Maximum: 'Max',
  Minimum: 'Min',
  Mul: 'Mul',
  Neg: 'Neg',
  Round: 'Round',
  SelectV2: 'Where',
  Sub: 'Sub',
};

function elementwise(call: TfCall): Outputs {
  return broadcast(call, call.allData());
}

/** It may give one value for all where the shapes do not fit, instead of none. */
function equal(call: TfCall): Value {
  const mayFail = call.int('incompatible_shape_error', 1) !== 0;
  if (!mayFail && call.values.some(({ kind }) => kind === 'rows'))
    throw undecided('it may compare the shapes of all rows');
  return call.one('Equal');
}

function notEqual(call: TfCall): Outputs {
  return call.one('Not', [equal(call)]);
}

/** TensorFlow's number of a type → ONNX's, of those that sizes are held in. */
const SIZE_TYPES: ReadonlyMap<number, number> = new Map([
  [1, 1],
  [2, 11],
  [3, 6],
  [9, 7],
  [10, 9],
]);

/** TensorFlow's numbers of uint32 and uint64. */
const UNSIGNED = [22, 23];

function cast(call: TfCall): Outputs {
  if (UNSIGNED.includes(call.int('DstT', 0)) && call.data(0).kind === 'rows') {
    throw undecided('floats that do not fit unsigned integers may become other numbers in company');
  }
  return call.one('Cast', call.values, { to: SIZE_TYPES.get(call.int('DstT', 0)) ?? 0 });
}

/** The condition is of the operands' shape, or a vector with an element for each index of their first dim. */
function select(call: TfCall): Outputs {
  const [condition, a, b] = [call.data(0), call.data(1), call.data(2)];
  const isVector = condition.dims?.length === 1 && a.dims !== undefined && a.dims.length > 1;
  if (!isVector) return broadcast(call, [condition, a, b]);
  const axes = a.dims.slice(1).map((_, i) => i + 1);
  const wide = call.one('Unsqueeze', [condition], { axes }) as Known;
  return broadcast(call, [wide, a, b]);
}

function biasAdd(call: TfCall): Outputs {
  const [x, bias] = [call.data(0), call.data(1)];
  if (!call.hasChannelsFirst) return broadcast(call, [x, bias]);
  call.constant(1, 'its bias');
  checkApart(x, 1, 'adds a value of its own to each index of');
  return x;
}

function matMul(call: TfCall): Outputs {
  const transA = call.int('transpose_a', 0);
  const transB = call.int('transpose_b', 0);
  return call.one('Gemm', call.values.slice(0, 2), { transA, transB });
}

function batchMatMul(call: TfCall): Outputs {
  const a = call.flag('adj_x') ? transposed(call.data(0)) : call.data(0);
  const b = call.flag('adj_y') ? transposed(call.data(1)) : call.data(1);
  return call.one('MatMul', [a, b]);
}

/** A product or convolution with a bias and an activation behind it, as TensorFlow.js has it. */
export function withExtras(call: TfCall, product: Known, from: number): Outputs {
  return broadcast(call, [product, ...call.allData(from)]);
}

function fusedMatMul(call: TfCall): Outputs {
  return withExtras(call, matMul(call) as Known, 2);
}

/** The ellipsis is written out: as many letters as the operands have dims for it. */
function einsum(call: TfCall): Outputs {
  const equation = call.text('equation').replaceAll(' ', '');
  if (!equation.includes('...')) return call.one('Einsum', call.values, { equation });
  const [left = '', right = ''] = equation.split('->');
  const ranks = left.split(',').map((term, i) => {
    const rank = call.data(i).dims?.length;
    return term.includes('...') && rank !== undefined ? rank - (term.length - 3) : 0;
  });
  const most = Math.max(...ranks);
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].filter((letter) => !equation.includes(letter)).slice(0, most);
  // A shorter ellipsis would be broadcast, which ONNX's rule does not know.
  if (most < 0 || letters.length < most || ranks.some((rank) => rank !== 0 && rank !== most)) {
    throw undecided('its ellipsis cannot be written out');
  }
  const whole = (term: string): string => term.replace('...', letters.join(''));
  return call.one('Einsum', call.values, { equation: `${left.split(',').map(whole).join(',')}->${whole(right)}` });
}

/** No axes at all reduce nothing. */
function reduction(op: string) {
  return (call: TfCall): Outputs => {
    const axes = call.list(1, 'which axes it reduces');
    if (axes.length === 0) return call.data(0);
    return call.one(op, call.values.slice(0, 2), { keepdims: call.int('keep_dims', 0) });
  };
}

/** Reduces logical values, or takes norms. */
function otherReduction(call: TfCall): Outputs {
  return reduced(call.data(0), call.list(1, 'which axes it reduces'), call.flag('keep_dims'));
}

function allReduced(call: TfCall): Outputs {
  const x = call.data(0);
  if (x.kind === 'rows') throw mixed('it reduces all axes');
  return reduced(x, x.dims?.map((_, axis) => axis) ?? [], false);
}

function argument(call: TfCall): Outputs {
  return call.one('ArgMax', [call.data(0)], { axis: call.number(1, 'its axis'), keepdims: 0 });
}

function alongLast(call: TfCall): Outputs {
  return call.one('Softmax', [call.data(0)], { axis: -1 });
}

function alongAxis(call: TfCall): Outputs {
  return call.one('CumSum', call.values);
}

function topK(call: TfCall): Outputs {
  const k = call.has(1) ? call.values[1]! : undefined;
  if (k === undefined) return call.as('TopK', [call.data(0)], { k: call.int('k', 0), axis: -1 });
  return call.as('TopK', [call.data(0), k], { axis: -1 });
}

/** Reverses or rolls along axes. */
function moved(axesAt: number, does: string) {
  return (call: TfCall): Outputs => {
    const x = call.data(0);
    for (let i = 1; i < call.inputs.length; i++) call.constant(i, 'by how much');
    if (x.kind === 'same') return x;
    for (const axis of call.list(axesAt, 'its axes')) checkApart(x, axisFromFront(axis, x.dims.length), does);
    return x;
  };
}

function reverseSequence(call: TfCall): Outputs {
  const axes = { batch_axis: call.int('batch_dim', 0), time_axis: call.int('seq_dim', 0) };
  return call.one('ReverseSequence', call.values, axes);
}

/** A table that does not change, a key for each element. */
function lookUp(call: TfCall): Outputs {
  call.constant(0, 'its table');
  const otherwise = call.constant(2, 'its default');
  if (otherwise !== undefined && !isOne(otherwise)) throw undecided('its table has more than one value for a key');
  return call.data(1);
}

function quantized(call: TfCall): Outputs {
  for (let i = 1; i < call.inputs.length; i++) {
    const bound = call.constant(i, 'a bound');
    if (bound !== undefined && !isOne(bound)) throw undecided('its bounds are not one number each');
  }
  return call.data(0);
}

export const ELEMENTWISE_RULES: TfRules = {
  ...each(ELEMENTWISE, elementwise),
  ...Object.fromEntries(Object.entries(ALIASES).map(([op, onnx]) => [op, alias(onnx)])),
  Max: reduction('ReduceMax'),
  Min: reduction('ReduceMin'),
  Prod: reduction('ReduceProd'),
  Sum: reduction('ReduceSum'),
  Mean: reduction('ReduceMean'),
  ...each('All Any EuclideanNorm', otherReduction),
  L2Loss: allReduced,
  ...each('ArgMax ArgMin', argument),
  ...each('Softmax LogSoftmax', alongLast),
  ...each('Cumsum Cumprod', alongAxis),
  ...each('TopK TopKV2', topK),
  ReverseV2: moved(1, 'reverses'),
  Roll: moved(2, 'rolls'),
  ReverseSequence: reverseSequence,
  Equal: equal,
  NotEqual: notEqual,
  Cast: cast,
  Select: select,
  BiasAdd: biasAdd,
  MatMul: matMul,
  ...each('BatchMatMul BatchMatMulV2 BatchMatMulV3', batchMatMul),
  _FusedMatMul: fusedMatMul,
  Einsum: einsum,
  LookupTableFindV2: lookUp,
  ...each('FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars', quantized),
};
