/** Which graphs of TensorFlow keep rows apart, from their files: SavedModels, graphs and layers of TensorFlow.js. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { RowVerdict } from '../../../src/backends/backend.ts';
import { judgeJsonModel } from '../../../src/backends/tfjs/graph/judge-json-model.ts';
import { judgeLayers } from '../../../src/backends/tfjs/graph/judge-layers.ts';
import { judgeSavedModel } from '../../../src/backends/tfjs/graph/judge-saved-model.ts';
import { writeFarJsonModel, writeFarSavedModel } from '../../support/far-values.ts';
import {
  flagAttr,
  floatConst,
  functionAttr,
  intAttr,
  integers,
  intsAttr,
  shapeAttr,
  type TfFunctionDef,
  type TfNode,
  textAttr,
  typeAttr,
  writeSavedModel,
} from '../../support/saved-model.ts';
import { tempDirectory } from '../../support/temp-directory.ts';
import { DIGITS_MODELS, FIXTURES } from './tfjs-models.ts';

type Attrs = TfNode['attrs'];

const node = (name: string, op: string, inputs: readonly string[], attrs: Attrs = {}): TfNode => ({
  name,
  op,
  inputs,
  attrs,
});
const ints = (name: string, ...values: number[]): TfNode => integers(name, Int32Array.from(values));
const scalar = (name: string, value: number): TfNode => integers(name, Int32Array.of(value), []);
const weights = (name: string, ...shape: number[]): TfNode =>
  floatConst(name, new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
const variable = (name: string, ...shape: number[]): readonly TfNode[] => [
  node(`${name}/handle`, 'VarHandleOp', [], { shape: shapeAttr(shape), dtype: typeAttr('float32') }),
  node(name, 'ReadVariableOp', [`${name}/handle`]),
];
/** Of x: [N, …]. */
const rowsOf = (x: string): readonly TfNode[] => [
  node('shape', 'Shape', [x]),
  ints('at0', 0),
  ints('at1', 1),
  node('count', 'StridedSlice', ['shape', 'at0', 'at1', 'at1'], { shrink_axis_mask: intAttr(1) }),
];

/** x in the shape [number of rows × m, what is left], where a node "m" gives one number. */
const timesM: readonly (TfNode | readonly TfNode[])[] = [
  rowsOf('x'),
  node('size', 'Mul', ['count', 'm']),
  scalar('rest', -1),
  node('target', 'Pack', ['size', 'rest']),
  node('y', 'Reshape', ['x', 'target']),
];

interface Case {
  readonly nodes: readonly (TfNode | readonly TfNode[])[];
  /** Of x; default [N, 4]. */
  readonly shape?: readonly number[];
  readonly functions?: readonly TfFunctionDef[];
}

async function judged(
  t: { after(end: () => void): void },
  { nodes, shape = [-1, 4], functions = [] }: Case,
): Promise<RowVerdict> {
  const directory = tempDirectory(t);
  const info = (name: string) => ({ name, dtype: 'float32', shape }) as const;
  writeSavedModel(directory, {
    nodes: [node('x', 'Placeholder', [], { dtype: typeAttr('float32'), shape: shapeAttr(shape) }), ...nodes.flat()],
    functions,
    signatures: { serving_default: { inputs: { x: info('x:0') }, outputs: { y: info('y:0') } } },
  });
  return judgeSavedModel(join(directory, 'saved_model.pb'), 'serving_default');
}

const FUNCTION = { inputs: { x: 'float32' }, outputs: { y: 'float32' } } as const;
const meanOfRows: TfFunctionDef = {
  ...FUNCTION,
  name: 'mean_of_rows',
  nodes: [ints('axes', 0), node('mean', 'Mean', ['x', 'axes:output:0'], { keep_dims: flagAttr(true) })],
  returns: { y: 'mean:output:0' },
};
const relu: TfFunctionDef = {
  ...FUNCTION,
  name: 'relu',
  nodes: [node('relu', 'Relu', ['x'])],
  returns: { y: 'relu:activations:0' },
};
const outer: TfFunctionDef = {
  ...FUNCTION,
  name: 'outer',
  nodes: [node('inner', 'PartitionedCall', ['x'], { f: functionAttr('mean_of_rows') })],
  returns: { y: 'inner:output:0' },
};
const counting: TfFunctionDef = {
  ...FUNCTION,
  name: 'counting',
  nodes: [
    ...variable('total', 4),
    ints('axes', 0),
    node('sum', 'Sum', ['x', 'axes:output:0']),
    node('add', 'AssignAddVariableOp', ['total/handle:resource:0', 'sum:output:0']),
    node('relu', 'Relu', ['x']),
  ],
  returns: { y: 'relu:activations:0' },
  effects: ['add'],
};

const APART: Readonly<Record<string, Case>> = {
  'a dense layer with variables': {
    nodes: [
      variable('w', 4, 8),
      variable('b', 8),
      node('m', 'MatMul', ['x', 'w']),
      node('a', 'BiasAdd', ['m', 'b']),
      node('y', 'Softmax', ['a']),
    ],
  },
  'convolution, pooling and Flatten': {
    shape: [-1, 8, 8, 3],
    nodes: [
      weights('k', 3, 3, 3, 5),
      node('c', 'Conv2D', ['x', 'k'], { strides: intsAttr([1, 1, 1, 1]), padding: textAttr('VALID') }),
      node('p', 'MaxPool', ['c'], {
        ksize: intsAttr([1, 2, 2, 1]),
        strides: intsAttr([1, 2, 2, 1]),
        padding: textAttr('VALID'),
      }),
      ints('flat', -1, 45),
      node('y', 'Reshape', ['p', 'flat']),
    ],
  },
  'a shape that is put together of the rows and numbers': {
    nodes: [
      rowsOf('x'),
      scalar('two', 2),
      node('s', 'Pack', ['count', 'two', 'two']),
      node('y', 'Reshape', ['x', 's']),
    ],
  },
  'zeros for each row': {
    nodes: [
      rowsOf('x'),
      scalar('four', 4),
      scalar('zero', 0),
      node('s', 'Pack', ['count', 'four']),
      node('z', 'Fill', ['s', 'zero']),
      node('y', 'AddV2', ['x', 'z']),
    ],
  },
  'a sum of columns': { nodes: [ints('axes', -1), node('y', 'Sum', ['x', 'axes'], { keep_dims: flagAttr(true) })] },
  'columns joined, cut and turned round': {
    nodes: [
      scalar('one', 1),
      ints('last', 1),
      node('c', 'ConcatV2', ['x', 'x', 'one']),
      node('r', 'ReverseV2', ['c', 'last']),
      ints('begin', 0, 2),
      ints('end', 0, 6),
      ints('step', 1, 1),
      node('y', 'StridedSlice', ['r', 'begin', 'end', 'step'], { begin_mask: intAttr(1), end_mask: intAttr(1) }),
    ],
  },
  'a table that each row picks from': {
    nodes: [weights('t', 10, 4), scalar('zero', 0), node('y', 'GatherV2', ['t', 'x', 'zero'])],
  },
  'a norm of inference': {
    shape: [-1, 2, 2, 3],
    nodes: [
      ...['s', 'o', 'm', 'v'].map((name) => weights(name, 3)),
      node('y', 'FusedBatchNormV3', ['x', 's', 'o', 'm', 'v'], { is_training: flagAttr(false) }),
    ],
  },
  'a condition of constants': {
    nodes: [
      weights('w', 4),
      ints('axes', 0),
      node('c', 'Any', ['w', 'axes']),
      node('y', 'If', ['c', 'x'], { then_branch: functionAttr('relu'), else_branch: functionAttr('relu') }),
    ],
    functions: [relu],
  },
  'anything that is computed of constants alone': {
    nodes: [
      weights('w', 4),
      node('odd', 'OpThatNobodyKnows', ['w']),
      node('s', 'Shape', ['odd']),
      node('y', 'Relu', ['x']),
    ],
  },
  'a check of the values': {
    nodes: [
      ints('axes', 0, 1),
      node('ok', 'All', ['x', 'axes']),
      node('a', 'Assert', ['ok']),
      node('y', 'Relu', ['x', '^a']),
    ],
  },
  'a mixed value that no output needs': {
    nodes: [ints('axes', 0), node('m', 'Mean', ['x', 'axes']), node('y', 'Relu', ['x'])],
  },
};

const MEETING: Readonly<Record<string, Case & { readonly kind?: 'undecided'; readonly reason?: RegExp }>> = {
  'a mean over rows': { nodes: [ints('axes', 0), node('y', 'Mean', ['x', 'axes'])] },
  'a softmax over rows': { nodes: [ints('p', 1, 0), node('t', 'Transpose', ['x', 'p']), node('y', 'Softmax', ['t'])] },
  'rows times rows': { nodes: [node('y', 'MatMul', ['x', 'x'], { transpose_b: flagAttr(true) })] },
  'the first row': {
    nodes: [
      ints('at0', 0),
      ints('at1', 1),
      node('f', 'StridedSlice', ['x', 'at0', 'at1', 'at1'], { shrink_axis_mask: intAttr(1) }),
      node('y', 'AddV2', ['x', 'f']),
    ],
  },
  'rows turned round': { nodes: [ints('axes', 0), node('y', 'ReverseV2', ['x', 'axes'])] },
  'a running sum over rows': { nodes: [scalar('axis', 0), node('y', 'Cumsum', ['x', 'axis'])] },
  'the number of rows': {
    nodes: [rowsOf('x'), node('f', 'Cast', ['count'], { DstT: typeAttr('float32') }), node('y', 'Mul', ['x', 'f'])],
  },
  'the place of each row': {
    kind: 'undecided',
    nodes: [
      rowsOf('x'),
      scalar('zero', 0),
      scalar('one', 1),
      node('r', 'Range', ['zero', 'count', 'one']),
      node('y', 'Mul', ['r', 'x']),
    ],
  },
  'a norm of training': {
    shape: [-1, 2, 2, 3],
    nodes: [
      ...['s', 'o', 'm', 'v'].map((name) => weights(name, 3)),
      node('y', 'FusedBatchNormV3', ['x', 's', 'o', 'm', 'v'], { is_training: flagAttr(true) }),
    ],
  },
  'a shape that may cut rows': { kind: 'undecided', nodes: [ints('s', -1, 3), node('y', 'Reshape', ['x', 's'])] },
  'a constant for each of three rows': { nodes: [weights('w', 3, 4), node('y', 'AddV2', ['x', 'w'])] },
  'a function in a function': {
    nodes: [node('y', 'StatefulPartitionedCall', ['x'], { f: functionAttr('outer') })],
    functions: [meanOfRows, outer],
    reason: /^node "y" .*node "inner"|node "mean" \(Mean\)/,
  },
  'a condition of all rows': {
    nodes: [
      ints('axes', 0, 1),
      node('c', 'Any', ['x', 'axes']),
      node('y', 'StatelessIf', ['c', 'x'], { then_branch: functionAttr('relu'), else_branch: functionAttr('relu') }),
    ],
    functions: [relu],
  },
  'one branch of a constant condition': {
    nodes: [
      weights('w', 4),
      ints('axes', 0),
      node('c', 'Any', ['w', 'axes']),
      node('y', 'StatelessIf', ['c', 'x'], {
        then_branch: functionAttr('relu'),
        else_branch: functionAttr('mean_of_rows'),
      }),
    ],
    functions: [relu, meanOfRows],
  },
  'a variable that adds up what rows hold': {
    kind: 'undecided',
    nodes: [node('y', 'StatefulPartitionedCall', ['x'], { f: functionAttr('counting') })],
    functions: [counting],
  },
  'an op without a rule': { kind: 'undecided', nodes: [node('y', 'Unique', ['x'])], reason: /"y" \(Unique\): no rule/ },
  'lots, which are drawn anew': {
    kind: 'undecided',
    nodes: [ints('s', 4), node('r', 'RandomUniform', ['s']), node('y', 'AddV2', ['x', 'r'])],
  },
  'a function that calls itself': {
    kind: 'undecided',
    nodes: [node('y', 'PartitionedCall', ['x'], { f: functionAttr('endless') })],
    functions: [
      {
        ...FUNCTION,
        name: 'endless',
        nodes: [node('again', 'PartitionedCall', ['x'], { f: functionAttr('endless') })],
        returns: { y: 'again:output:0' },
      },
    ],
    reason: /nested more than/,
  },
  'a shape of constants that are added up': {
    kind: 'undecided',
    nodes: [ints('c', -1, 4), scalar('axis', 0), node('s', 'Cumsum', ['c', 'axis']), node('y', 'Reshape', ['x', 's'])],
  },
  'a shape that is turned round': {
    kind: 'undecided',
    nodes: [ints('c', -1, 4), ints('axes', 0), node('s', 'ReverseV2', ['c', 'axes']), node('y', 'Reshape', ['x', 's'])],
  },
  'a size that a table has for a key': {
    kind: 'undecided',
    nodes: [
      ...[node('table', 'HashTableV2', []), scalar('key', 1), scalar('none', 0)],
      node('m', 'LookupTableFindV2', ['table', 'key', 'none']),
      timesM,
    ].flat(),
  },
  'a size from a list, of which the first is another': {
    kind: 'undecided',
    nodes: [
      ...[ints('both', 1, 2), ints('none'), scalar('second', 1)],
      node('list', 'TensorListFromTensor', ['both', 'none']),
      node('m', 'TensorListGetItem', ['list', 'second', 'none']),
      timesM,
    ].flat(),
  },
  'a condition that is a list': {
    kind: 'undecided',
    nodes: [
      ints('zero', 0),
      node('y', 'If', ['zero', 'x'], {
        then_branch: functionAttr('mean_of_rows'),
        else_branch: functionAttr('relu'),
      }),
    ],
    functions: [meanOfRows, relu],
    reason: /condition is a list/,
  },
  'lots of a normal distribution': {
    kind: 'undecided',
    nodes: [
      ...[ints('s', 4), node('drawn', 'TruncatedNormal', ['s']), node('lots', 'Reshape', ['drawn', 's'])],
      node('y', 'AddV2', ['x', 'lots']),
    ],
    reason: /TruncatedNormal/,
  },
  'floats that become unsigned integers': {
    kind: 'undecided',
    nodes: [node('y', 'Cast', ['x'], { DstT: intAttr(22) })],
    reason: /unsigned/,
  },
  'a comparison of shapes that need not fit': {
    kind: 'undecided',
    nodes: [node('y', 'Equal', ['x', 'x'], { incompatible_shape_error: flagAttr(false) })],
    reason: /shapes/,
  },
  'a pool of channels': {
    kind: 'undecided',
    shape: [-1, 8, 8, 3],
    nodes: [
      node('pool', 'MaxPool', ['x'], {
        ksize: intsAttr([1, 1, 1, 3]),
        strides: intsAttr([1, 1, 1, 3]),
        padding: textAttr('VALID'),
      }),
      ...[node('dims', 'Shape', ['pool']), ints('last', 3), ints('end', 4)],
      // There is 1 channel left, and not 3.
      node('channels', 'StridedSlice', ['dims', 'last', 'end', 'at1'], { shrink_axis_mask: intAttr(1) }),
      ...[scalar('four', 4), node('m', 'Sub', ['four', 'channels'])],
      timesM,
    ].flat(),
  },
  'a slice backwards that takes nothing': {
    kind: 'undecided',
    nodes: [
      ...[ints('from', 0, 3), ints('to', 0, 4), ints('by', 1, -1)],
      node('none', 'StridedSlice', ['x', 'from', 'to', 'by'], { begin_mask: intAttr(1), end_mask: intAttr(1) }),
      node('dims', 'Shape', ['none']),
      node('width', 'StridedSlice', ['dims', 'at1', 'at2', 'at1'], { shrink_axis_mask: intAttr(1) }),
      ...[ints('at2', 2), scalar('three', 3), node('m', 'Sub', ['width', 'three'])],
      timesM,
    ].flat(),
  },
  'nodes in a circle': { kind: 'undecided', nodes: [node('a', 'Relu', ['y']), node('y', 'Relu', ['a'])] },
};

describe('the graph of a SavedModel', () => {
  for (const [title, model] of Object.entries(APART)) {
    it(`keeps rows apart: ${title}`, async (t) => {
      const verdict = await judged(t, model);
      assert.equal(verdict.kind, 'rows', verdict.reason);
      assert.match(verdict.reason, /^each of its \d+ nodes keeps the rows apart$/);
    });
  }

  for (const [title, { kind = 'mixed', reason = /./, ...model }] of Object.entries(MEETING)) {
    it(`is ${kind}: ${title}`, async (t) => {
      const verdict = await judged(t, model);
      assert.equal(verdict.kind, kind, verdict.reason);
      assert.match(verdict.reason, reason);
    });
  }

  it('is what was put together, in random chains of which that is known', async (t) => {
    const kept: Readonly<Record<string, (from: string, to: string) => readonly TfNode[]>> = {
      relu: (from, to) => [node(to, 'Relu', [from])],
      softmax: (from, to) => [node(to, 'Softmax', [from])],
      dense: (from, to) => [weights(`${to}w`, 4, 4), node(to, 'MatMul', [from, `${to}w`])],
      there: (from, to) => [
        ints(`${to}s`, -1, 2, 2),
        node(`${to}r`, 'Reshape', [from, `${to}s`]),
        ints(`${to}p`, 0, 2, 1),
        node(`${to}t`, 'Transpose', [`${to}r`, `${to}p`]),
        ints(`${to}b`, -1, 4),
        node(to, 'Reshape', [`${to}t`, `${to}b`]),
      ],
      joined: (from, to) => [node(to, 'AddV2', [from, 'x'])],
    };
    const met: typeof kept = {
      mean: (from, to) => [
        ints(`${to}a`, 0),
        node(`${to}m`, 'Mean', [from, `${to}a`], { keep_dims: flagAttr(true) }),
        node(to, 'Sub', [from, `${to}m`]),
      ],
      reversed: (from, to) => [ints(`${to}a`, 0), node(to, 'ReverseV2', [from, `${to}a`])],
      turned: (from, to) => [
        node(`${to}s`, 'Shape', [from]),
        ints(`${to}p`, 1, 0),
        node(`${to}t`, 'Transpose', [from, `${to}p`]),
        node(to, 'Reshape', [`${to}t`, `${to}s`]),
      ],
    };
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return (seed >> 8) % below;
    };
    for (let chain = 0; chain < 60; chain++) {
      const steps = Array.from({ length: 1 + random(6) }, () => {
        const from = random(6) === 0 ? met : kept;
        const names = Object.keys(from);
        return { name: names[random(names.length)]!, isMeeting: from === met, make: from };
      });
      const nodes = steps.flatMap(({ name, make }, i) => make[name]!(i === 0 ? 'x' : `n${i - 1}`, `n${i}`));
      const isMeeting = steps.some((step) => step.isMeeting);
      const verdict = await judged(t, { nodes: [...nodes, node('y', 'Identity', [`n${steps.length - 1}`])] });
      assert.equal(verdict.kind === 'rows', !isMeeting, `${steps.map(({ name }) => name)}: ${verdict.reason}`);
    }
  });

  it('keeps rows apart in what Python has exported', async () => {
    for (const [directory, ...signatures] of [
      [`${FIXTURES}/half_plus_two/1`, 'serving_default'],
      [`${FIXTURES}/module/1`, 'add_one', 'name', 'reverse'],
      [`${DIGITS_MODELS}/digits_tensorflow/1`, 'serving_default'],
    ] as const) {
      for (const signature of signatures) {
        const verdict = await judgeSavedModel(`${directory}/saved_model.pb`, signature);
        assert.equal(verdict.kind, 'rows', verdict.reason);
      }
    }
  });

  it('is mixed where a value beyond a limit chooses the branch', async (t) => {
    for (const kind of ['ids', 'floats'] as const) {
      const base = tempDirectory(t);
      writeFarSavedModel(base, kind);
      const verdict = await judgeSavedModel(join(base, '1', 'saved_model.pb'), 'serving_default');
      assert.deepEqual(verdict, { kind: 'mixed', reason: 'node "any" (Any): it reduces axis 0, which has the rows' });
    }
  });
});

describe('a model of TensorFlow.js', () => {
  const kindOf = async (file: string): Promise<string> => (await judgeJsonModel(file, 'serving_default')).kind;

  it('keeps rows apart, as a graph and as layers', async () => {
    for (const name of ['digits_tfjs', 'digits_layers']) {
      assert.equal(await kindOf(`${DIGITS_MODELS}/${name}/1/model.json`), 'rows', name);
    }
  });

  it('is mixed as a SavedModel is, by constants of its weight files', async (t) => {
    const base = tempDirectory(t);
    writeFarJsonModel(base);
    const file = join(base, '1', 'model.json');
    const verdict = await judgeJsonModel(file, 'serving_default');
    assert.deepEqual(verdict, { kind: 'mixed', reason: 'node "any" (Any): it reduces axis 0, which has the rows' });
    // Without them nobody knows which axes are reduced.
    const model = JSON.parse(readFileSync(file, 'utf8'));
    for (const paths of [['../weights.bin'], ['gone.bin']]) {
      writeFileSync(file, JSON.stringify({ ...model, weightsManifest: [{ ...model.weightsManifest[0], paths }] }));
      assert.equal(await kindOf(file), 'undecided');
    }
  });

  it('has layers that are known to keep rows apart, or is undecided', () => {
    const layer = (class_name: string, config: object = {}) => ({ class_name, config: { name: 'l', ...config } });
    const verdict = (...layers: object[]): RowVerdict => judgeLayers({ class_name: 'Sequential', config: { layers } });
    const dense = layer('Dense', { units: 3 });
    for (const layers of [
      [layer('InputLayer', { batch_input_shape: [null, 4] }), dense, layer('Softmax', { axis: -1 })],
      [layer('LSTM', { stateful: false }), layer('Bidirectional', { layer: layer('GRU') })],
      [layer('TimeDistributed', { layer: dense }), layer('Concatenate', { axis: 2 })],
      [{ class_name: 'Functional', config: { layers: [dense] } }],
    ]) {
      assert.equal(verdict(...layers).kind, 'rows');
    }
    for (const [reason, ...layers] of [
      [/"l" \(Lambda\): nothing tells/, layer('Lambda')],
      [/"l" \(LSTM\): it keeps a state/, layer('LSTM', { stateful: true })],
      [/"l" \(LSTM\): it keeps a state/, layer('Bidirectional', { layer: layer('LSTM', { stateful: true }) })],
      [/"l" \(Concatenate\): its axis may be/, layer('Concatenate', { axis: 0 })],
      [/"l" \(Softmax\): its axis may be/, layer('Softmax', { axis: -2 })],
      [/its rows have no dim/, layer('InputLayer', { batch_input_shape: [null] }), layer('Softmax')],
      [/nothing tells/, layer('toString')],
    ] as const) {
      const { kind, reason: found } = verdict(...layers);
      assert.equal(kind, 'undecided');
      assert.match(found, reason);
    }
    assert.equal(judgeLayers({}).kind, 'undecided');
  });
});
