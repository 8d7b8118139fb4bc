import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Session } from '../../../../src/backends/backend.ts';
import { loadOptionsOf } from '../../../../src/backends/load-options.ts';
import { judgeGraph } from '../../../../src/backends/onnx/graph/judge-graph.ts';
import { backend } from '../../../../src/backends/onnx/onnx-backend.ts';
import { withoutZipMaps, zipMapsOf } from '../../../../src/backends/onnx/zip-map.ts';
import { notesOn } from '../../../../src/core/signature.ts';
import { numericTensor } from '../../../../src/core/tensor.ts';
import { type OnnxGraph, type OnnxNode, type OnnxValue, onnxModel } from '../../../support/onnx-model.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const X: OnnxValue = { name: 'x', dtype: 'float32', dims: ['N', 3] };
const COPY: OnnxNode = { op: 'Identity', inputs: ['x'], outputs: ['y'] };
const NUMBERED: OnnxNode = {
  op: 'ZipMap',
  domain: 'ai.onnx.ml',
  inputs: ['x'],
  outputs: ['p'],
  attributes: { classlabels_int64s: [0, 1, -7] },
};
const MAPS: OnnxValue = { name: 'p', dtype: 'float32', dims: undefined, mapKeys: 'int64' };
const CLASSIFIER: OnnxGraph = { inputs: [X], outputs: [{ ...X, name: 'y' }, MAPS], nodes: [COPY, NUMBERED] };

const named: OnnxGraph = {
  ...CLASSIFIER,
  outputs: [{ ...MAPS, mapKeys: 'string' }],
  nodes: [{ ...NUMBERED, attributes: { classlabels_strings: ['cat', 'dog', 'élan'] } }],
};

describe('a classifier with a ZipMap', () => {
  it('answers with the tensor behind it, under the name of the output', async (t) => {
    const { session, directory } = await load(t, CLASSIFIER);
    const { outputs, batchAxis } = session.signatures.get('serving_default')!;
    assert.deepEqual([...outputs.keys()], ['y', 'p']);
    assert.deepEqual([outputs.get('p')!.dtype, outputs.get('p')!.shape], ['float32', [-1, 3]]);
    assert.equal(batchAxis.kind, 'dynamic');
    const x = numericTensor('float32', [2, 3], Float32Array.of(0.5, 0.25, 0.25, 1, 0, 0));
    const answer = await session.run('serving_default', new Map([['x', x]]), ['p'], { deadline: Infinity });
    assert.deepEqual(answer.get('p')!.shape, [2, 3]);
    assert.deepEqual([...answer.get('p')!.data], [...x.data]);
    assert.deepEqual(notesOn(session.signatures.values()), [
      'output "p" is a map of classes (ZipMap): it is served as a tensor [rows, 3] of float32, whose columns are the ' +
        'classes "0", "1", "-7"',
    ]);
    assert.equal((await judgeGraph(join(directory, 'model.onnx'))).kind, 'rows');
  });

  it('may have names for its classes, and no other output', async (t) => {
    const { session } = await load(t, named);
    assert.deepEqual([...session.signatures.get('serving_default')!.outputs.keys()], ['p']);
    assert.match(notesOn(session.signatures.values())[0]!, /the classes "cat", "dog", "élan"$/);
  });

  it('has no maps left', () => {
    const bytes = onnxModel(CLASSIFIER);
    const maps = zipMapsOf(bytes);
    assert.deepEqual(maps, [{ output: 'p', classes: ['0', '1', '-7'] }]);
    assert.deepEqual(zipMapsOf(withoutZipMaps(bytes, maps)), []);
  });
});

describe('left as it is', () => {
  const cases: [string, OnnxGraph][] = [
    ['a map that is no output', { ...CLASSIFIER, outputs: [{ ...X, name: 'y' }] }],
    ['an op of that name of another domain', { ...CLASSIFIER, nodes: [COPY, { ...NUMBERED, domain: undefined }] }],
    ['a map without classes', { ...CLASSIFIER, nodes: [COPY, { ...NUMBERED, attributes: {} }] }],
    [
      'a map that another node takes',
      { ...CLASSIFIER, nodes: [COPY, NUMBERED, { op: 'Identity', inputs: ['p'], outputs: ['q'] }] },
    ],
  ];
  for (const [what, graph] of cases) it(what, () => assert.deepEqual(zipMapsOf(onnxModel(graph)), []));

  it('another output that is no tensor, which is named', async (t) => {
    const all: OnnxValue = { ...X, name: 'all', isSequence: true };
    const construct: OnnxNode = { op: 'SequenceConstruct', inputs: ['x', 'x'], outputs: ['all'] };
    const { session } = await load(t, { ...CLASSIFIER, outputs: [{ ...X, name: 'y' }, all], nodes: [COPY, construct] });
    assert.deepEqual(session.warnings, [
      'output "all" is a sequence, a map or an optional: it is not served; export it as a plain tensor',
    ]);
  });
});

async function load(t: TestContext, graph: OnnxGraph): Promise<{ session: Session; directory: string }> {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'model.onnx'), onnxModel(graph));
  const session = await backend.load(directory, loadOptionsOf({ intraOpThreads: 1, executionProvider: 'cpu' }));
  t.after(() => session.close());
  return { session, directory };
}
