/** Networks that compute with the run's length: a temperature of attention that is another for long runs. */
import { floats, node } from '../../../support/onnx-graph.ts';
import { counted, from, heated, integer, type LengthNetwork, raised, scalar, scaled, where } from './length-network.ts';
import { MOST_TOKENS } from './masked-encoder.ts';

const HALF = 10;
const DOUBLE = 11;
const INT8 = 3;
const UINT64 = 13;

/** The constant that decides is the length, or one less. */
const PLAIN: readonly LengthNetwork[] = [
  from(33, 'where-log', scaled([node('Log', 'nf', 'log'), node('Where', 'is_long log f1', 'factor')])),
  from(65, 'min-share', scaled([node('Min', 'nf lastf', 'few'), node('Div', 'few nf', 'factor')])),
  from(129, 'relu-pow', scaled([...beyond('over'), node('Pow', 'base over', 'factor')], { base: scalar(0.8) })),
  from(
    257,
    'clip',
    raised([node('Sub', 'nf lastf', 'd'), node('Clip', 'd f0 most', 'c'), node('Mul', 'c half', 'step')], {
      most: scalar(4),
    }),
  ),
  from(17, 'integer-division', counted([node('Div', 'n k', 'amount')])),
  from(
    MOST_TOKENS - 1,
    'sign',
    counted([node('Sub', 'n k', 'd'), node('Sign', 'd', 's'), node('Add', 's i1', 'amount')]),
  ),
  from(
    129,
    'hard-sigmoid',
    raised([node('HardSigmoid', 'nf', 'step', { alpha: { float: 1 }, beta: { float: -128 } })]),
  ),
  from(100, 'negative', heated([node('Neg', 'n', 'm'), node('Neg', 'last', 'l'), node('Less', 'm l', 'is_hot')])),
  from(257, 'max-of-two', heated([node('Max', 'n last', 'm'), node('Greater', 'm last', 'is_hot')])),
  from(
    100,
    'double',
    heated(
      [
        node('Cast', 'n', 'nd', { to: DOUBLE }),
        node('Cast', 'border', 'kd', { to: DOUBLE }),
        node('Greater', 'nd kd', 'is_hot'),
      ],
      { border: scalar(99.5) },
    ),
  ),
  from(
    129,
    'half-constant',
    heated(
      [
        node('Cast', 'nf', 'nh', { to: HALF }),
        node('Cast', 'border', 'kh', { to: HALF }),
        node('Greater', 'nh kh', 'is_hot'),
      ],
      { border: scalar(128.5) },
    ),
  ),
];

function beyond(name: string) {
  return [node('Sub', 'nf lastf', 'difference'), node('Relu', 'difference', name)];
}

/** No constant is the length: it is a product, a quotient, a rounding, an overflow, or the size of something. */
const HIDDEN: readonly LengthNetwork[] = [
  from(
    100,
    'max-log-ratio',
    scaled([node('Log', 'nf', 'l'), node('Div', 'l lk', 'q'), node('Max', 'q f1', 'factor')], {
      lk: scalar(Math.log(99)),
    }),
  ),
  from(101, 'round-half', raised([node('Div', 'nf by', 'q'), node('Round', 'q', 'step')], { by: scalar(200) })),
  from(129, 'ceil', scaled([node('Mul', 'nf by', 'q'), node('Ceil', 'q', 'factor')], { by: scalar(1 / 128) })),
  from(100, 'erf-step', raised([...affine(10, 995), node('Erf', 'z', 'e'), node('Add', 'e f1', 'step')])),
  from(257, 'sigmoid-step', raised([...affine(40, 10_260), node('Sigmoid', 'z', 'step')])),
  from(65, 'tanh-step', raised([...affine(16, 1032), node('Tanh', 'z', 't'), node('Add', 't f1', 'step')])),
  from(
    64,
    'bit-shift',
    counted(
      [
        node('Cast', 'n', 'u', { to: UINT64 }),
        node('Cast', 'bits', 'b', { to: UINT64 }),
        node('BitShift', 'u b', 'amount', { direction: 'RIGHT' }),
      ],
      { bits: integer(6) },
    ),
  ),
  from(
    128,
    'int8-wraps',
    heated([
      node('Cast', 'n', 'short', { to: INT8 }),
      node('Cast', 'short', 'back', { to: 7 }),
      node('Less', 'back i0', 'is_hot'),
    ]),
  ),
  from(
    256,
    'half-overflow',
    heated([
      node('Mul', 'nf nf', 'square'),
      node('Cast', 'square', 'half_square', { to: HALF }),
      node('Cast', 'half_square', 'wide', { to: 1 }),
      node('IsInf', 'wide', 'is_hot'),
    ]),
  ),
  from(
    99,
    'exp-overflow',
    heated([node('Mul', 'nf by', 'z'), node('Exp', 'z', 'e'), node('IsInf', 'e', 'is_hot')], {
      by: scalar(0.9),
    }),
  ),
  from(
    129,
    'table-of-lengths',
    scaled([node('Gather', 'factors n', 'factor')], {
      factors: floats(Array.from({ length: MOST_TOKENS + 1 }, (_, n) => (n < 129 ? 1 : 1.4))),
    }),
  ),
  from(
    100,
    'size-of-weights',
    heated([node('Size', 'weights_99', 's'), node('Greater', 'n s', 'is_hot')], {
      weights_99: floats(new Array<number>(99).fill(1), [33, 3]),
    }),
  ),
  from(
    100,
    'computed-constant',
    heated([
      node('Constant', '', 'a', { value_int: 64 }),
      node('Constant', '', 'b', { value_int: 36 }),
      node('Add', 'a b', 'sum_of_both'),
      node('GreaterOrEqual', 'n sum_of_both', 'is_hot'),
    ]),
  ),
];

/** z = factor × n − offset. */
function affine(factor: number, offset: number) {
  const constant = (value: number) => ({ value_float: { float: value } });
  return [
    node('Constant', '', 'slope', constant(factor)),
    node('Constant', '', 'offset', constant(offset)),
    node('Mul', 'nf slope', 'steep'),
    node('Sub', 'steep offset', 'z'),
  ];
}

/** Wrong elsewhere than in all long runs. */
const PARTS_OF_LENGTHS: readonly LengthNetwork[] = [
  where((own, padded) => own >= 64 === padded >= 64, 64, 'only-below', heated([node('Less', 'n k', 'is_hot')])),
  where((own, padded) => (own === 100) === (padded === 100), 100, 'only-at', heated([node('Equal', 'n k', 'is_hot')])),
  where(
    (own, padded) => isInside(own) === isInside(padded),
    41,
    'only-inside',
    heated([node('Less', 'n end', 'a'), node('And', 'a is_long', 'is_hot')], { end: integer(90) }),
  ),
  where(
    (own, padded) => own % 8 === padded % 8,
    2,
    'modulo',
    raised([node('Mod', 'n eight', 'r'), node('Cast', 'r', 'rf', { to: 1 }), node('Mul', 'rf small', 'step')], {
      eight: integer(8),
      small: scalar(0.05),
    }),
  ),
  where(
    (own, padded) => Math.floor(own / 64) % 2 === Math.floor(padded / 64) % 2,
    64,
    'every-other-64',
    counted([node('Div', 'n k', 'q'), node('Mod', 'q two', 'amount')], { two: integer(2) }),
  ),
];

function isInside(length: number): boolean {
  return length > 40 && length < 90;
}

export const ARITHMETIC_NETWORKS: readonly LengthNetwork[] = [...PLAIN, ...HIDDEN, ...PARTS_OF_LENGTHS];
