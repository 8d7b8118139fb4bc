/** Shapes that a graph computes: what the judge takes them for is what the runtime makes of them, or not known. */
import { type JudgeCase, testCases } from '../../../support/judge-cases.ts';
import { floats, type GraphNode, type GraphTensor, int64s, node } from '../../../support/onnx-graph.ts';

/** x with its number of rows `n`, and its second dim `t`. */
const SHAPE = [node('Shape', 'x', 'shape'), node('Gather', 'shape first', 'n'), node('Gather', 'shape second', 't')];
const NUMBERS: Record<string, GraphTensor> = {
  first: int64s([0]),
  second: int64s([1]),
  one: int64s([1]),
  two: int64s([2]),
  rest: int64s([-1]),
};

/** x in the shape [m, -1], where `nodes` give m. */
function reshapedTo(
  nodes: readonly GraphNode[],
  constants: Readonly<Record<string, GraphTensor>>,
  given: Partial<JudgeCase> = {},
): JudgeCase {
  const end = [node('Concat', 'm rest', 'target', { axis: 0 }), node('Reshape', 'x target', 'y')];
  return {
    inputs: { x: ['N', 'T', 4] },
    ...given,
    nodes: [...SHAPE, ...nodes, ...end],
    constants: { ...NUMBERS, ...constants },
  };
}

/** x in the shape [-1, c], where `nodes` give c. */
function cutInto(nodes: readonly GraphNode[], constants: Readonly<Record<string, GraphTensor>>, width: number) {
  const end = [node('Concat', 'rest c', 'target', { axis: 0 }), node('Reshape', 'x target', 'y')];
  const inputs = { x: ['N', width] };
  return { inputs, nodes: [...nodes, ...end], constants: { ...NUMBERS, ...constants } };
}

const HALF = [node('Cast', 't', 'float', { to: 1 }), node('Div', 'float by', 'half')];

testCases('rows', {
  'a quotient that is multiplied back': [
    reshapedTo([node('Mul', 'n two', 'double'), node('Div', 'double two', 'm')], {}),
  ],
  'a difference that cancels out': [reshapedTo([node('Sub', 't t', 'none'), node('Add', 'n none', 'm')], {})],
  'a number that is halved as floats, and rounded': [
    cutInto(
      [
        node('Cast', 'eight', 'float', { to: 1 }),
        node('Mul', 'float half', 'four'),
        node('Cast', 'four', 'c', { to: 7 }),
      ],
      { eight: int64s([8]), half: floats([0.5]) },
      4,
    ),
  ],
  'integers divided towards zero': [cutInto([node('Div', 'nine two', 'c')], { nine: int64s([9]) }, 4)],
});

testCases('undecided', {
  'a quotient that is once rounded up and once down': [
    reshapedTo(
      [
        ...HALF,
        ...[node('Floor', 'half', 'f'), node('Cast', 'f', 'down', { to: 7 })],
        ...[node('Ceil', 'half', 'c'), node('Cast', 'c', 'up', { to: 7 })],
        ...[node('Div', 'up down', 'one_or_two'), node('Mul', 'n one_or_two', 'm')],
      ],
      { by: floats([2]) },
    ),
  ],
  'a number that float32 rounds': [
    cutInto(
      [node('Cast', 'odd', 'float', { to: 1 }), node('Cast', 'float', 'c', { to: 7 })],
      { odd: int64s([2 ** 24 + 1]) },
      2 ** 24 + 1,
    ),
  ],
  'a number that wraps as int32': [
    cutInto(
      [node('Cast', 'large', 'short', { to: 6 }), node('Cast', 'short', 'c', { to: 7 })],
      { large: int64s([2 ** 32 + 3]) },
      2 ** 32 + 3,
    ),
  ],
  'a sum that wraps as uint8': [
    cutInto(
      [node('Add', 'a b', 'sum'), node('Cast', 'sum', 'c', { to: 7 })],
      { a: { type: 'uint8', dims: [1], values: [200] }, b: { type: 'uint8', dims: [1], values: [60] } },
      260,
    ),
  ],
  'a place in a range of floats, whose sums are rounded': [
    reshapedTo(
      [
        ...[node('Range', 'zero limit delta', 'range'), node('Gather', 'range third', 'place')],
        ...[
          node('Less', 'place bound', 'is_less'),
          node('Mul', 'n two', 'double'),
          node('Where', 'is_less n double', 'm'),
        ],
      ],
      {
        zero: floats([0], []),
        limit: floats([1], []),
        delta: floats([0.1], []),
        third: int64s([3]),
        bound: floats([0.3]),
      },
    ),
  ],
  'constants that are added up': [
    cutInto(
      [node('CumSum', 'parts zero', 'sums'), node('Gather', 'sums second', 'c')],
      {
        parts: int64s([-1, 4]),
        zero: int64s([0], []),
      },
      4,
    ),
  ],
  'the largest of a constant, and its place': [
    reshapedTo(
      [
        node('TopK', 'k one', 'value place', { axis: 0 }),
        ...[node('Div', 'value place', 'q'), node('Mul', 'n q', 'm')],
      ],
      {},
      { ints: { k: [2] }, axes: { k: 'same' } },
    ),
  ],
  'what a loop has carried, by what it began with': [
    reshapedTo(
      [
        node('Loop', 'rounds - k', 'after', {
          body: {
            graph: {
              inputs: { i: { type: 'int64' }, go: { type: 'bool' }, state: { type: 'int64' } },
              outputs: { on: { type: 'bool' }, next: { type: 'int64' } },
              nodes: [node('Identity', 'go', 'on'), node('Add', 'state state', 'next')],
            },
          },
        }),
        ...[node('Div', 'after k', 'q'), node('Mul', 'n q', 'm')],
      ],
      { rounds: int64s([2], []) },
      { ints: { k: [1] }, axes: { k: 'same' } },
    ),
  ],
});
