/** Files, branches, functions, outputs, axes: what judgeGraph makes of a whole model. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { judgeGraph } from '../../../../../src/backends/onnx/graph/judge-graph.ts';
import { GrowingWriter } from '../../../../../src/codec/protobuf/growing-writer.ts';
import {
  bytesField,
  lengthDelimitedSize,
  message,
  varintField,
} from '../../../../../src/codec/protobuf/wire-writer.ts';
import { caseModel, judgeBytes, judgeCase, testCases } from '../../../../support/judge-cases.ts';
import { floats, type Graph, type GraphNode, graphModel, node } from '../../../../support/onnx-graph.ts';

function branch(...nodes: readonly GraphNode[]): { readonly graph: Graph } {
  return { graph: { inputs: {}, outputs: { out: { type: 'float' } }, nodes } };
}

const KEEP = branch(node('Identity', 'x', 'out'));
const DOUBLE = branch(node('Add', 'x x', 'out'));
const MIX = branch(node('Softmax', 'x', 'out', { axis: 0 }));
const NO = { type: 'bool', dims: [], values: [0] } as const;

/** As PyTorch writes squeeze(1): only a dim of 1 is removed. */
const SQUEEZED_OR_NOT = [
  node('Shape', 'x', 's'),
  node('Gather', 's one', 't', { axis: 0 }),
  node('Equal', 't one', 'is'),
  node('If', 'is', 'z', {
    then_branch: branch(node('Squeeze', 'x at', 'out')),
    else_branch: KEEP,
  }),
];
const LAST = node('Squeeze', 'h zero', 'y');
const RECURRENT = {
  one: { type: 'int64', dims: [], values: [1] },
  at: { type: 'int64', dims: [1], values: [1] },
  zero: { type: 'int64', dims: [1], values: [0] },
  w: floats(Array(24).fill(1), [1, 6, 4]),
  r: floats(Array(12).fill(1), [1, 6, 2]),
} as const;

testCases('rows', {
  'a branch by a constant, whose other branch would mix': [
    { nodes: [node('If', 'c', 'y', { then_branch: MIX, else_branch: KEEP })], constants: { c: NO } },
  ],
  'two branches by an input that is the same for all': [
    {
      inputs: { x: ['N', 4], rate: [] },
      axes: { rate: 'same' },
      nodes: [node('Cast', 'rate', 'c', { to: 9 }), node('If', 'c', 'y', { then_branch: DOUBLE, else_branch: KEEP })],
    },
  ],
  'two branches of different ranks, one of which the runtime refuses to go on with': [
    {
      inputs: { x: ['N', 'T', 4] },
      nodes: [
        ...SQUEEZED_OR_NOT,
        node('Unsqueeze', 'z zero', 'u'),
        node('GRU', 'u w r', '- h', { hidden_size: 2 }),
        LAST,
      ],
      constants: RECURRENT,
    },
  ],
  'a function of the model': [
    {
      nodes: [node('Mine', 'x', 'y', { along: 1 }, 'mine')],
      functions: [
        {
          domain: 'mine',
          name: 'Mine',
          inputs: ['a'],
          outputs: ['b'],
          attributes: ['along'],
          nodes: [node('Softmax', 'a', 'b', { axis: { reference: 'along' } })],
        },
      ],
    },
  ],
  'a state with its batch on axis 1': [
    {
      inputs: { x: ['N', 4], s: [2, 'N', 4] },
      axes: { s: 1, t: 1 },
      nodes: [node('ReduceSum', 's zero', 'u', { keepdims: 0 }), node('Add', 'x u', 'y'), node('Neg', 's', 't')],
      constants: { zero: { type: 'int64', dims: [1], values: [0] } },
      outputs: ['y', 't'],
    },
  ],
  'a fixed number of rows': [
    {
      inputs: { x: [4, 3, 2] },
      nodes: [node('Reshape', 'x s', 'y')],
      constants: { s: { type: 'int64', dims: [2], values: [4, 6] } },
    },
  ],
  'nodes that mix rows for nothing that is served': [{ nodes: [node('ReduceSum', 'x', 'z'), node('Neg', 'x', 'y')] }],
});

testCases('mixed', {
  'a branch that mixes': [
    {
      inputs: { x: ['N', 4], rate: [] },
      axes: { rate: 'same' },
      nodes: [node('Cast', 'rate', 'c', { to: 9 }), node('If', 'c', 'y', { then_branch: MIX, else_branch: KEEP })],
    },
    /Softmax/,
  ],
  'two branches of different ranks, one of which mixes later on': [
    {
      inputs: { x: ['N', 'T', 4] },
      nodes: [...SQUEEZED_OR_NOT, node('Softmax', 'z', 'y', { axis: -3 })],
      constants: RECURRENT,
    },
    /Softmax/,
  ],
  'a branch by the rows': [
    {
      nodes: [node('Cast', 'x', 'c', { to: 9 }), node('If', 'c', 'y', { then_branch: DOUBLE, else_branch: KEEP })],
    },
    /depends on the rows/,
  ],
  'a function that mixes by its attribute': [
    {
      nodes: [node('Mine', 'x', 'y', { along: 0 }, 'mine')],
      functions: [
        {
          domain: 'mine',
          name: 'Mine',
          inputs: ['a'],
          outputs: ['b'],
          attributes: ['along'],
          nodes: [node('Softmax', 'a', 'b', { axis: { reference: 'along' } })],
        },
      ],
    },
    /Softmax/,
  ],
  'groups of a fixed number of rows': [
    {
      inputs: { x: [4, 3] },
      nodes: [node('Reshape', 'x s', 'a'), node('Softmax', 'a', 'y', { axis: 0 })],
      constants: { s: { type: 'int64', dims: [2], values: [2, 6] } },
    },
    /Reshape|Softmax/,
  ],
  'an output on another axis': [
    { axes: { y: 1 }, nodes: [node('Neg', 'x', 'y')] },
    /output "y" has the rows on axis 0, not 1/,
  ],
});

testCases('undecided', {
  'functions that call themselves': [
    {
      nodes: [node('Mine', 'x', 'y', {}, 'mine')],
      functions: [
        { domain: 'mine', name: 'Mine', inputs: ['a'], outputs: ['b'], nodes: [node('Mine', 'a', 'b', {}, 'mine')] },
      ],
    },
    /nested/,
  ],
  'inputs of two fixed numbers of rows': [
    { inputs: { x: [4, 2], z: [1, 2] }, nodes: [node('Add', 'x z', 'y')] },
    /different fixed/,
  ],
  'an input of any rank': [{ inputs: { x: [] }, nodes: [node('Neg', 'x', 'y')] }, /no dim 0/],
  'an old opset': [{ nodes: [node('Neg', 'x', 'y')], opset: 6 }, /opset 6/],
});

test('an output that is a sequence is not served, so it does not count', async () => {
  const model = graphModel({
    inputs: { x: { type: 'float', dims: ['N', 4] } },
    outputs: { y: { type: 'float' }, s: { type: 'float', isSequence: true } },
    nodes: [node('Neg', 'x', 'y'), node('SequenceConstruct', 'x', 's')],
  });
  assert.equal((await judgeBytes(model)).kind, 'rows');
});

test('functions that double at each level end at a bound', async () => {
  const functions = Array.from({ length: 14 }, (_, i) => ({
    domain: 'mine',
    name: `F${i}`,
    inputs: ['a'],
    outputs: ['b'],
    nodes:
      i === 0
        ? [node('Neg', 'a', 'b')]
        : Array.from({ length: 6 }, (_, k) => node(`F${i - 1}`, 'a', k === 5 ? 'b' : `u${k}`, {}, 'mine')),
  }));
  const verdict = await judgeCase({ nodes: [node('F13', 'x', 'y', {}, 'mine')], functions });
  assert.equal(verdict.kind, 'undecided');
  assert.match(verdict.reason, /nodes/);
});

test('a file that is missing, empty, cut off or no protobuf is undecided', async () => {
  const missing = await judgeGraph(join('no', 'such', 'model.onnx'));
  assert.equal(missing.kind, 'undecided');
  const model = caseModel({ nodes: [node('Neg', 'x', 'y')] });
  const odd = [Buffer.alloc(0), Buffer.from('not a model'), Buffer.alloc(100, 0xff), Buffer.alloc(4000, 0x3a)];
  for (const bytes of odd) assert.equal((await judgeBytes(bytes)).kind, 'undecided');
  // Behind the IR version's two bytes: the graph's tag, its length in one byte, and the graph.
  const graphEnd = 4 + model[3]!;
  for (let end = 0; end <= graphEnd; end++) {
    assert.notEqual((await judgeBytes(model.subarray(0, end))).kind, 'rows', `cut off at ${end}`);
  }
});

test('large weights are passed over wherever they are', async () => {
  const large = floats(Array(40_000).fill(1), [4, 10_000]);
  const model = caseModel({
    nodes: [
      node('Constant', '', 'v', { value: { tensor: large } }),
      node('MatMul', 'x w', 'a'),
      node('MatMul', 'x v', 'b'),
      node('Add', 'a b', 'y'),
    ],
    constants: { w: large },
  });
  assert.equal((await judgeBytes(model)).kind, 'rows');
});

test('the values of a list that is too long to be read are not taken for an empty list', async () => {
  const verdict = await judgeCase({
    nodes: [node('ReduceMean', 'x', 'y', { axes: Array.from({ length: 20_000 }, () => 1) })],
  });
  assert.equal(verdict.kind, 'undecided');
  assert.match(verdict.reason, /too long/);
});

test('a file of 3 GB is read at its ends only', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  try {
    const file = join(directory, 'large.onnx');
    writeSparseModel(file, 3 * 2 ** 30);
    const before = process.resourceUsage().fsRead;
    const verdict = await judgeGraph(file);
    assert.equal(verdict.kind, 'rows', verdict.reason);
    // Blocks of 512 bytes.
    assert.ok(process.resourceUsage().fsRead - before < 10_000);
    assert.ok(process.memoryUsage().arrayBuffers < 2 ** 28);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

/** x times a weight whose raw_data is a hole of `size` bytes, and is not cut to its dims. */
function writeSparseModel(file: string, size: number): void {
  const small = caseModel({ nodes: [node('MatMul', 'x w', 'y')] });
  const opsets = small.subarray(4 + small[3]!);
  const head = new GrowingWriter(64);
  head.reserve(64);
  const fields = Buffer.from(message(varintField(1, 4), varintField(1, 4), varintField(2, 1), bytesField(8, 'w')));
  const tensorLength = fields.length + lengthDelimitedSize(9, size);
  const inner = small.subarray(4, 4 + small[3]!);
  head.numberField(1, 8);
  head.head(7, inner.length + lengthDelimitedSize(5, tensorLength));
  head.reserve(inner.length + 64);
  head.bytes(inner);
  head.head(5, tensorLength);
  head.reserve(64 + fields.length);
  head.bytes(fields);
  head.head(9, size);
  const start = head.buffer.subarray(0, head.position);
  const descriptor = openSync(file, 'w');
  writeSync(descriptor, start, 0, start.length, 0);
  writeSync(descriptor, opsets, 0, opsets.length, start.length + size);
  closeSync(descriptor);
}
