/** The file against the graph, and what requests see. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import type { Signature } from '../../../src/core/signature.ts';
import { numericTensor, type Tensor } from '../../../src/core/tensor.ts';
import type { TritonConfig } from '../../../src/features/open-inference/exported/model-config.ts';
import { modelOfEntry } from '../../../src/features/triton-repository/config/model-of-config.ts';
import { TRITON } from '../../../src/features/triton-repository/config/triton-model.ts';
import { configView } from '../../../src/features/triton-repository/serving/config-view.ts';
import { checkAgainstGraph } from '../../../src/features/triton-repository/serving/graph-check.ts';
import { fromGraphOutputs, toGraphInputs } from '../../../src/models/serving/declared-signature.ts';
import { checkInputs } from '../../../src/proxy/handlers/check-inputs.ts';
import { signature, spec } from '../../support/puppet-models.ts';

const GRAPH = signature(
  { x: spec('float32', [-1, 2, 3]), n: spec('int64', [-1]) },
  { y: spec('float32', [-1, 6]), z: spec('float32', [-1, -1]) },
);

const X = 'input { name: "x" data_type: TYPE_FP32 dims: [ 2, 3 ] }';
const N = 'input { name: "n" data_type: TYPE_INT64 dims: [ 1 ] reshape { shape: [ ] } }';

function configOf(text: string): TritonConfig {
  const entry = { name: 'm', directory: '/r/m', file: { bytes: Buffer.from(text) } };
  const { model } = modelOfEntry(entry, { executionProvider: 'cpu' });
  assert.equal(model.refusal, undefined);
  return TRITON.of(model)!.config;
}

const problemOf = (text: string, graph: Signature = GRAPH): string => {
  try {
    checkAgainstGraph('m', configOf(text), graph);
    return 'none';
  } catch (error) {
    return (error as Error).message;
  }
};

const zeros = (shape: readonly number[]): Tensor =>
  numericTensor('float32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));

describe('a config.pbtxt beside the graph', () => {
  it('fits with the same tensors, with sizes for free dims, and without any', () => {
    for (const text of [
      `max_batch_size: 8 ${X} ${N}`,
      `max_batch_size: 8 ${X} ${N} output { name: "z" data_type: TYPE_FP32 dims: 7 }`,
      `max_batch_size: 8 ${X.replace('2, 3', '-1, -1')} ${N}`,
      `max_batch_size: 0 ${X.replace('2, 3', '5, 2, 3')} ${N.replace('[ ]', '[ 1 ]')}`,
      'max_batch_size: 8',
      '',
    ]) {
      assert.equal(problemOf(text), 'none', text);
    }
  });

  for (const [what, text, problem] of [
    [
      'an unknown name',
      `max_batch_size: 8 ${X} ${N} input { name: "w" data_type: TYPE_FP32 dims: 1 }`,
      /the graph has no input "w"; it has x, n/,
    ],
    [
      'an unknown output',
      `max_batch_size: 8 ${X} ${N} output { name: "w" data_type: TYPE_FP32 dims: 1 }`,
      /the graph has no output "w"/,
    ],
    ['a missing input', `max_batch_size: 8 ${X}`, /input "n" of the graph is not in the file; add it/],
    [
      'another type',
      `max_batch_size: 8 ${X.replace('FP32', 'FP16')} ${N}`,
      /input "x" is TYPE_FP16, but float32 in the graph/,
    ],
    [
      'other dims',
      `max_batch_size: 8 ${X.replace('2, 3', '3, 3')} ${N}`,
      /input "x" is \[\?,3,3\], but \[\?,2,3\] in the graph/,
    ],
    [
      'the batch among the dims',
      `max_batch_size: 8 ${X.replace('2, 3', '-1, 2, 3')} ${N}`,
      /input "x" is \[\?,\?,2,3\], but/,
    ],
  ] as const) {
    it(`does not fit with ${what}`, () => {
      assert.match(problemOf(text), /^model "m": its config\.pbtxt does not fit the graph: /);
      assert.match(problemOf(text), problem);
    });
  }

  it('does not fit with max_batch_size where the graph has a fixed batch', () => {
    const graph = signature({ x: spec('float32', [1, 4]) }, { y: spec('float32', [1]) });
    assert.match(problemOf('max_batch_size: 8', graph), /max_batch_size is 8, but input "x" has 1 fixed at dim 0/);
    assert.equal(problemOf('', graph), 'none');
  });
});

describe('what requests see', () => {
  const graphs = new Map([['serving_default', GRAPH]]);

  it('is the graph’s own signature where the file says the same, or nothing', () => {
    assert.equal(configView(configOf(''), graphs), undefined);
    const simple = new Map([
      ['serving_default', signature({ x: spec('float32', [-1, 2, 3]) }, { y: spec('float32', [-1, 6]) })],
    ]);
    const same = `max_batch_size: 8 ${X} output { name: "y" data_type: TYPE_FP32 dims: 6 }`;
    assert.equal(configView(configOf(same), simple), undefined);
  });

  it('is the file’s shapes and outputs else, with the elements in the graph’s shapes', () => {
    const y = 'output { name: "y" data_type: TYPE_FP32 dims: [ 3, 2 ] reshape { shape: [ 6 ] } }';
    const view = configView(configOf(`max_batch_size: 8 ${X} ${N} ${y}`), graphs)!;
    assert.deepEqual(
      [...view.signature.inputs].map(([name, { shape }]) => [name, shape]),
      [
        ['x', [-1, 2, 3]],
        ['n', [-1, 1]],
      ],
    );
    assert.deepEqual(
      [...view.signature.outputs].map(([name, { shape }]) => [name, shape]),
      [['y', [-1, 3, 2]]],
    );
    const n = numericTensor('int64', [5, 1], new BigInt64Array(5));
    const inputs = toGraphInputs(
      view,
      new Map([
        ['x', zeros([5, 2, 3])],
        ['n', n],
      ]),
      1000,
    );
    assert.deepEqual([inputs.get('x')!.shape, inputs.get('n')!.shape], [[5, 2, 3], [5]]);
    const outputs = fromGraphOutputs(view, new Map([['y', zeros([5, 6])]]), ['y']);
    assert.deepEqual(outputs.get('y')!.shape, [5, 3, 2]);
  });

  it('has the graph’s values in the shapes of the file, so that they may be left out', () => {
    const n = numericTensor('int64', [1], BigInt64Array.of(3n));
    const withValue = new Map([['serving_default', { ...GRAPH, defaults: new Map([['n', n]]) }]]);
    const view = configView(configOf(`max_batch_size: 8 ${X} ${N}`), withValue)!;
    const model = { name: 'm', version: 1n, signatureName: 'serving_default' };
    const filled = checkInputs(model, view.signature, new Map([['x', zeros([5, 2, 3])]]));
    assert.deepEqual(filled.get('n')!.shape, [5, 1]);
    assert.deepEqual(toGraphInputs(view, filled, 1000).get('n')!.shape, [5]);
  });

  it('keeps the sizes of free dims through a reshape', () => {
    const graph = signature({ x: spec('float32', [-1, -1, 1, -1]) }, { y: spec('float32', [-1, -1]) });
    const x = 'input { name: "x" data_type: TYPE_FP32 dims: [ -1, -1 ] reshape { shape: [ -1, 1, -1 ] } }';
    const view = configView(configOf(`max_batch_size: 8 ${x}`), new Map([['serving_default', graph]]))!;
    const inputs = toGraphInputs(view, new Map([['x', zeros([5, 7, 2])]]), 1000);
    assert.deepEqual(inputs.get('x')!.shape, [5, 7, 1, 2]);
  });
});
