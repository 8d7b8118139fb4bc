/** Encoders whose answers depend on the length in no other way than that it ends somewhere, and what is listed. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { LengthReading } from '../../../../../../src/backends/backend.ts';
import { Backends, readLengths as readVersion } from '../../../../../../src/backends/backends.ts';
import { type Case, N, numbers, P, readingOf, real, scalar } from '../../../../../support/length-graphs.ts';
import { floats, graphModel, int64s, node } from '../../../../../support/onnx-graph.ts';
import { SENTENCE_MODELS } from '../../../../../support/sentence-models.ts';
import { tempDirectory } from '../../../../../support/temp-directory.ts';

const MASKED = [
  node('Cast', 'mask', 'm', { to: 1 }),
  node('Unsqueeze', 'm v12', 'wide'),
  node('Sub', 'f1 wide', 'dropped'),
  node('Mul', 'dropped lowest', 'bias'),
];
const SCORES = [node('Transpose', 'x', 't', { perm: [0, 2, 1] }), node('MatMul', 'x t', 's')];
const ATTEND = [node('Softmax', 'masked', 'w', { axis: -1 }), node('MatMul', 'w x', 'h')];
/** The mean of the tokens that the mask leaves. */
const POOL = [
  node('Unsqueeze', 'm v2', 'column'),
  node('Mul', 'h column', 'kept'),
  node('ReduceSum', 'kept v1', 'sum', { keepdims: 0 }),
  node('ReduceSum', 'column v1', 'count', { keepdims: 0 }),
  node('Clip', 'count tiny', 'some'),
  node('Div', 'sum some', 'y'),
];
const WITH_MASK = {
  inputs: { x: { type: 'float', dims: ['batch', 'n', 4] }, mask: { type: 'int64', dims: ['batch', 'n'] } },
} as const;
/** The difference of two positions, [n, n]. */
const APART = [
  ...P,
  node('Unsqueeze', 'p v0', 'across'),
  node('Unsqueeze', 'p v1', 'down'),
  node('Sub', 'across down', 'apart'),
];

/** Encoders whose answers depend on the length in no other way than that it ends somewhere; all that may be listed. */
const HONEST: Readonly<Record<string, readonly [lengths: readonly number[], model: Case]>> = {
  'a mask': [[], { ...WITH_MASK, nodes: [...MASKED, ...SCORES, node('Add', 's bias', 'masked'), ...ATTEND, ...POOL] }],
  'a mask that is expanded by shapes': [
    [2],
    {
      ...WITH_MASK,
      constants: { shape3: int64s([3]), minusOne: int64s([-1]) },
      nodes: [
        ...N,
        ...MASKED.slice(0, 2),
        node('Concat', 'v1 v v', 'to', { axis: 0 }),
        node('ConstantOfShape', 'shape3', 'all', { value: { tensor: int64s([1]) } }),
        node('Mul', 'all minus', 'unknown'),
        node('Equal', 'to unknown', 'open'),
        node('Where', 'open all to', 'shape'),
        node('Expand', 'wide shape', 'whole'),
        node('Sub', 'f1 whole', 'dropped'),
        node('Cast', 'dropped', 'isDropped', { to: 9 }),
        node('Where', 'isDropped lowest dropped', 'bias'),
        ...SCORES,
        node('Add', 's bias', 'masked'),
        ...ATTEND,
        ...POOL,
      ],
    },
  ],
  ALiBi: [
    [2],
    {
      ...WITH_MASK,
      nodes: [
        ...APART,
        node('Abs', 'apart', 'distance'),
        node('Cast', 'distance', 'd', { to: 1 }),
        node('Mul', 'd slopes', 'steep'),
        node('Neg', 'steep', 'alibi'),
        ...MASKED,
        ...SCORES,
        node('Add', 's bias', 'some'),
        node('Unsqueeze', 'some v1', 'heads'),
        node('Add', 'heads alibi', 'both'),
        node('ReduceMean', 'both', 'masked', { axes: [1], keepdims: 0 }),
        ...ATTEND,
        ...POOL,
      ],
    },
  ],
  'rotary positions': [
    [2],
    {
      ...WITH_MASK,
      constants: { frequencies: floats(numbers(32), [1, 32]), two: int64s([2]) },
      nodes: [
        ...P,
        node('Unsqueeze', 'pf v1', 'rows'),
        node('MatMul', 'rows frequencies', 'angles'),
        node('Einsum', 'pf list', 'others', { equation: 'i,j->ij' }),
        node('Concat', 'angles angles', 'both', { axis: -1 }),
        node('Cos', 'both', 'cos'),
        node('Sin', 'both', 'sin'),
        node('ReduceMean', 'x', 'thin', { axes: [2], keepdims: 1 }),
        node('Mul', 'thin cos', 'a'),
        node('Mul', 'thin sin', 'b'),
        node('Add', 'a b', 'z'),
        node('Relu', 'z', 'y'),
      ],
    },
  ],
  'relative buckets': [
    [2, 6, 9, 13, 16, 17, 22, 32, 66, 92, 130],
    {
      ...WITH_MASK,
      constants: {
        eight: real(8),
        scale: real(8 / Math.log(16)),
        i15: scalar(15),
        i16: scalar(16),
        biases: floats(numbers(32 * 4), [32, 4]),
      },
      nodes: [
        ...APART,
        node('Greater', 'apart i0', 'later'),
        node('Cast', 'later', 'side', { to: 7 }),
        node('Mul', 'side i16', 'first'),
        node('Abs', 'apart', 'distance'),
        node('Less', 'distance i8', 'near'),
        node('Cast', 'distance', 'df', { to: 1 }),
        node('Div', 'df eight', 'ratio'),
        node('Log', 'ratio', 'log'),
        node('Mul', 'log scale', 'scaled'),
        node('Cast', 'scaled', 'steps', { to: 7 }),
        node('Add', 'steps i8', 'far8'),
        node('Min', 'far8 i15', 'capped'),
        node('Where', 'near distance capped', 'within'),
        node('Add', 'first within', 'bucket'),
        node('Gather', 'biases bucket', 'rel', { axis: 0 }),
        node('Transpose', 'rel', 'heads', { perm: [2, 0, 1] }),
        ...SCORES,
        node('Unsqueeze', 's v1', 's4'),
        node('Add', 's4 heads', 'both'),
        node('Relu', 'both', 'y'),
      ],
    },
  ],
  'a causal mask': [
    [2],
    {
      nodes: [
        ...N,
        node('Concat', 'v v', 'square', { axis: 0 }),
        node('ConstantOfShape', 'square', 'ones', { value: { tensor: floats([1]) } }),
        node('Trilu', 'ones', 'lower', { upper: 0 }),
        node('Cast', 'lower', 'seen', { to: 9 }),
        ...SCORES,
        node('Where', 'seen s lowest', 'masked'),
        ...ATTEND,
      ],
    },
  ],
  'a causal mask by positions': [
    [2],
    { nodes: [...APART, node('LessOrEqual', 'across down', 'seen'), ...SCORES, node('Where', 'seen s lowest', 'y')] },
  ],
  'a causal mask from a table': [
    [512],
    {
      constants: {
        square: { type: 'uint8', dims: [512, 512], values: numbers(512 * 512).map(() => 1) },
        axes: int64s([0, 1]),
        zeros: int64s([0, 0]),
      },
      nodes: [
        ...N,
        node('Concat', 'v v', 'ends', { axis: 0 }),
        node('Slice', 'square zeros ends axes', 'part'),
        node('Cast', 'part', 'seen', { to: 9 }),
        ...SCORES,
        node('Where', 'seen s lowest', 'y'),
      ],
    },
  ],
  'positions of tokens that count': [
    [2, 512],
    {
      nodes: [
        node('Equal', 'ids i1', 'isPad'),
        node('Not', 'isPad', 'isToken'),
        node('Cast', 'isToken', 'token', { to: 6 }),
        node('CumSum', 'token i1', 'place'),
        node('Cast', 'place', 'p', { to: 7 }),
        node('Add', 'p i1', 'q'),
        node('Gather', 'table q', 'e'),
        node('Add', 'x e', 'y'),
      ],
    },
  ],
};

describe('an honest encoder', () => {
  for (const [name, [allowed, model]] of Object.entries(HONEST)) {
    test(name, async (t) => {
      const reading = await readingOf(t, model);
      assert.equal(reading.kind, 'read', reading.kind === 'unread' ? reading.reason : '');
      const { lengths } = reading as Extract<LengthReading, { kind: 'read' }>;
      const others = lengths.filter((length) => !allowed.some((each) => Math.abs(each - length) <= 1));
      assert.deepEqual(others, []);
    });
  }

  for (const [name, graph] of Object.entries(SENTENCE_MODELS)) {
    test(`the sentence model "${name}"`, async (t) => {
      assert.deepEqual(await readingOf(t, graph), { kind: 'read', lengths: [] });
    });
  }
});

describe('the version of a model', () => {
  test('is read by its backend', async (t) => {
    const directory = tempDirectory(t);
    await writeFile(join(directory, 'model.onnx'), graphModel(SENTENCE_MODELS.encoder));
    const backend = await new Backends().find(directory);
    assert.deepEqual(await readVersion(backend, directory), { kind: 'read', lengths: [] });
  });

  test('is unread if its file is no model', async (t) => {
    const directory = tempDirectory(t);
    await writeFile(join(directory, 'model.onnx'), 'no model');
    const reading = await readVersion(await new Backends().find(directory), directory);
    assert.match(JSON.stringify(reading), /"unread","reason":"the graph cannot be read: /);
  });
});
