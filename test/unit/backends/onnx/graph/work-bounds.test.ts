/** What bounds the work of a run: by op, and through the values between them. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { WorkBounds } from '../../../../../src/backends/backend.ts';
import { workBounds } from '../../../../../src/backends/onnx/graph/work-bounds.ts';
import {
  floats,
  type Graph,
  type GraphModel,
  type GraphNode,
  graphModel,
  int64s,
  node,
} from '../../../../support/onnx-graph.ts';
import { tempDirectory } from '../../../../support/temp-directory.ts';

type Case = Partial<GraphModel> & { readonly nodes: readonly GraphNode[] };

const CONSTANTS = {
  i0: int64s([0], []),
  i1: int64s([1], []),
  three: int64s([3], []),
  endless: int64s([Number.MAX_SAFE_INTEGER], []),
  v0: int64s([0]),
  v1: int64s([1]),
  v2: int64s([2]),
  pair: int64s([2, 3]),
  yes: { type: 'bool', dims: [], values: [1] },
  half: floats([0.5], []),
} as const;

function body(inputs: string, outputs: string, ...nodes: readonly GraphNode[]): { readonly graph: Graph } {
  const values = (names: string) =>
    Object.fromEntries(names.split(' ').map((name) => [name, { type: 'float' } as const]));
  return { graph: { inputs: values(inputs === '' ? 'unused' : inputs), outputs: values(outputs), nodes } };
}

/** Goes on as before it. */
const STEP = body('i c s', 'd t', node('Identity', 'c', 'd'), node('Tanh', 's', 't'));
/** Goes on until the state is large. */
const UNTIL_LARGE = body(
  'i c s',
  'd t',
  node('Tanh', 's', 't'),
  node('ReduceMax', 't', 'm', { keepdims: 0 }),
  node('Less', 'm half', 'd'),
);
/** The number of rows, as a scalar and as a vector. */
const ROWS = [
  node('Shape', 'x', 'dims'),
  node('Gather', 'dims i0', 'rows', { axis: 0 }),
  node('Unsqueeze', 'rows v0', 'rows1'),
];

const CASES: Readonly<Record<WorkBounds['kind'], Readonly<Record<string, Case>>>> = {
  shapes: {
    'numbers and matrices': { nodes: [node('Mul', 'x half', 'a'), node('MatMul', 'a a', 'y')] },
    'a size from Shape': { nodes: [...ROWS, node('Range', 'i0 rows i1', 'y')] },
    'a constant size': { nodes: [node('Expand', 'x pair', 'y')] },
    'a reshape by Shape': {
      nodes: [...ROWS, node('Concat', 'rows1 v1', 'to', { axis: 0 }), node('Reshape', 'x to', 'y')],
    },
    'indices from values': { nodes: [node('Gather', 'x n', 'y')] },
    'three rounds': { nodes: [node('Loop', 'three yes x', 'y', { body: STEP })] },
    'as many rounds as rows': { nodes: [...ROWS, node('Loop', 'rows yes x', 'y', { body: STEP })] },
    'rounds until a counter reaches the rows': {
      nodes: [
        ...ROWS,
        node('Loop', 'endless yes x', 'y', {
          body: body('i c s', 'd t', node('Less', 'i rows', 'd'), node('Tanh', 's', 't')),
        }),
      ],
    },
    'a round for each row': {
      nodes: [
        node('Scan', 'half x', 's y', {
          num_scan_inputs: 1,
          body: body('s p', 't o', node('Tanh', 's', 't'), node('Neg', 'p', 'o')),
        }),
      ],
    },
    'a branch by the shape': {
      nodes: [
        ...ROWS,
        node('Equal', 'rows i1', 'one'),
        node('If', 'one', 'y', {
          then_branch: body('', 'a', node('Neg', 'x', 'a')),
          else_branch: body('', 'b', node('Tanh', 'x', 'b')),
        }),
      ],
    },
    'floats that divide': {
      nodes: [
        node('Pow', 'x three', 'squares'),
        node('Where', 'yes squares x', 'some'),
        node('Loop', 'three yes some', 'last', { body: STEP }),
        node('Cast', 'n', 'c', { to: 1 }),
        node('Concat', 'last x', 'both', { axis: 0 }),
        node('Div', 'both c', 'd'),
        node('Div', 'd d', 'y'),
      ],
    },
    'integers that a constant divides': { nodes: [node('Div', 'n three', 'd'), node('Mod', 'd v2', 'y')] },
    'integers that the rows divide': { nodes: [...ROWS, node('Div', 'n rows', 'y')] },
    'the three largest': { nodes: [node('TopK', 'x v1', 'y at')] },
    'regions of a fixed number of samples': { nodes: [node('RoiAlign', 'x n n', 'y', { sampling_ratio: 2 })] },
  },
  input_size: {
    'a branch by a value': {
      nodes: [
        node('Cast', 'n', 'c', { to: 9 }),
        node('If', 'c', 'y', {
          then_branch: body('', 'a', node('Neg', 'x', 'a')),
          else_branch: body('', 'b', node('Tanh', 'x', 'b')),
        }),
      ],
    },
    'where it is not zero': { nodes: [node('NonZero', 'x', 'y')] },
    'as many as are not zero': {
      nodes: [node('NonZero', 'x', 'at'), node('Shape', 'at', 'found'), node('ConstantOfShape', 'found', 'y')],
    },
    boxes: { nodes: [node('NonMaxSuppression', 'x x', 'y')] },
    'a slice by a value': { nodes: [node('Slice', 'x n n', 'y')] },
    'a reshape by a value': { nodes: [node('Reshape', 'x n', 'y')] },
    'rounds that a value may end': { nodes: [node('Loop', 'three yes x', 'y', { body: UNTIL_LARGE })] },
    'a sequence of lengths that are values': { nodes: [node('GRU', 'x x x - n', 'y')] },
    'an equation': { nodes: [node('Einsum', 'x', 'y', { equation: 'ij->i' })] },
    texts: { inputs: { x: { type: 'string', dims: ['N'] } }, nodes: [node('Identity', 'x', 'y')] },
  },
  values: {
    'as many rounds as a value': { nodes: [node('Loop', 'n yes x', 'y', { body: STEP })] },
    'rounds that only a value ends': { nodes: [node('Loop', '- yes x', 'y', { body: UNTIL_LARGE })] },
    'rounds that nothing ends': { nodes: [node('Loop', 'endless yes x', 'y', { body: STEP })] },
    'a round for each number of a range': {
      nodes: [
        node('Range', 'i0 n i1', 'r'),
        node('Scan', 'half r', 's y', {
          num_scan_inputs: 1,
          body: body('s p', 't o', node('Tanh', 's', 't'), node('Neg', 'p', 'o')),
        }),
      ],
    },
    ...Object.fromEntries(
      [
        node('Range', 'i0 n i1', 'y'),
        node('Expand', 'x n', 'y'),
        node('Tile', 'x n', 'y'),
        node('ConstantOfShape', 'n', 'y'),
        node('OneHot', 'x n half', 'y'),
        node('Pad', 'x n', 'y'),
        node('Resize', 'x - n', 'y'),
        node('Resize', 'x - - n', 'y'),
        node('HannWindow', 'n', 'y'),
        node('RoiAlign', 'x n n', 'y'),
        node('Div', 'n n', 'y'),
        node('Mod', 'three n', 'y'),
        node('Unheard', 'x', 'y'),
        node('Unheard', 'x', 'y', {}, 'com.example'),
      ].map((one) => [`${one.domain}.${one.op} of ${one.inputs.join()}`, { nodes: [one] }]),
    ),
    'a division by positions of floats': { nodes: [node('TopK', 'x v1', 'most at'), node('Div', 'n at', 'y')] },
    'a division by what were floats': { nodes: [node('Cast', 'x', 'c', { to: 7 }), node('Div', 'n c', 'y')] },
    'a size from a value, computed': {
      nodes: [node('Mul', 'n v2', 'm'), node('Cast', 'm', 'c', { to: 7 }), node('Tile', 'x c', 'y')],
    },
    'a size from the sum of a tensor of random numbers': {
      nodes: [node('RandomUniform', '', 'r', { shape: [2] }), node('ConstantOfShape', 'r', 'y')],
    },
    'in the branch of a branch': {
      nodes: [
        node('If', 'yes', 'y', {
          then_branch: body(
            '',
            'a',
            node('If', 'yes', 'a', {
              then_branch: body('', 'b', node('Range', 'i0 n i1', 'b')),
              else_branch: body('', 'c', node('Neg', 'x', 'c')),
            }),
          ),
          else_branch: body('', 'd', node('Neg', 'x', 'd')),
        }),
      ],
    },
    'in a function': {
      nodes: [node('Rounds', 'n', 'y', {}, 'own')],
      functions: [
        {
          domain: 'own',
          name: 'Rounds',
          inputs: ['m'],
          outputs: ['o'],
          nodes: [
            node('Constant', '', 'z', { value_int: 0 }),
            node('Constant', '', 'e', { value_int: 1 }),
            node('Range', 'z m e', 'o'),
          ],
        },
      ],
    },
    'through what a loop carries': {
      nodes: [
        node('Loop', 'three yes i0 n', 'sum last', {
          body: body(
            'i c s k',
            'd t l',
            node('Identity', 'c', 'd'),
            node('Identity', 'k', 't'),
            node('Identity', 'k', 'l'),
          ),
        }),
        node('Tile', 'x sum', 'y'),
      ],
    },
  },
};

for (const [kind, cases] of Object.entries(CASES)) {
  describe(`work that is bounded by ${kind}`, () => {
    for (const [name, model] of Object.entries(cases)) {
      test(name, async (t) => {
        const found = await boundsOf(t, model);
        assert.equal(found.kind, kind, found.reason);
      });
    }
  });
}

test('the first node of the worst kind is named', async (t) => {
  const { op, reason } = await boundsOf(t, {
    nodes: [node('NonZero', 'x', 'a'), node('Range', 'i0 n i1', 'b'), node('Tile', 'x n', 'y')],
  });
  assert.equal(op, 'Range');
  assert.equal(reason, 'node that gives "b" (Range): a size comes from the values of a request');
});

test('a file that cannot be read may do any work', async (t) => {
  const file = join(tempDirectory(t), 'model.onnx');
  await writeFile(file, 'no model');
  const { kind, reason } = await workBounds(file);
  assert.equal(kind, 'values');
  assert.match(reason, /^its graph cannot be read: /);
});

/** Of a graph of floats x and an integer n. */
async function boundsOf(t: TestContext, model: Case): Promise<WorkBounds> {
  const file = join(tempDirectory(t), 'model.onnx');
  const inputs = { x: { type: 'float', dims: ['N', 4] }, n: { type: 'int64', dims: [1] } } as const;
  const bytes = graphModel({
    inputs,
    outputs: { y: { type: 'float' } },
    ...model,
    constants: { ...CONSTANTS, ...model.constants },
  });
  await writeFile(file, bytes);
  return workBounds(file);
}
