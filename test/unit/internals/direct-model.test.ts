import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openPublic } from '../../../src/backends/onnx/ort-model.ts';
import { openDirect } from '../../../src/internals/direct-model.ts';
import { Tensor as OrtTensor } from '../../../src/internals/ort-library.ts';
import { type OnnxGraph, onnxModel } from '../../support/onnx-model.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const OPTIONS = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 } as const;
const x = { name: 'x', dtype: 'float32', dims: ['rows', '', 2] } as const;
const n = { name: 'n', dtype: 'int64', dims: [] } as const;

describe('a model opened directly', () => {
  it('is what the public API says it is, and answers alike', async (t) => {
    const file = join(tempDirectory(t), 'model.onnx');
    const graph: OnnxGraph = {
      inputs: [x, n],
      outputs: [
        { ...x, name: 'y' },
        { ...n, name: 'm' },
        { ...x, name: 'list', isSequence: true },
      ],
      nodes: [
        { op: 'Add', inputs: ['x', 'x'], outputs: ['y'] },
        { op: 'Identity', inputs: ['n'], outputs: ['m'] },
        { op: 'SequenceConstruct', inputs: ['x'], outputs: ['list'] },
      ],
    };
    writeFileSync(file, onnxModel(graph));
    const direct = await openDirect(file, OPTIONS);
    const reference = await openPublic(file, OPTIONS);
    assert.ok(direct?.runSync !== undefined, 'onnxruntime-node is not what direct-model.ts expects');
    t.after(() => Promise.all([direct.release(), reference.release()]));
    assert.deepEqual(direct.inputMetadata, reference.inputMetadata);
    assert.deepEqual(direct.outputMetadata, reference.outputMetadata);
    const feeds = {
      x: new OrtTensor('float32', Float32Array.of(1, 2, 3, 4), [1, 2, 2]),
      n: new OrtTensor('int64', BigInt64Array.of(7n), []),
    };
    const content = ({ type, dims, data }: OrtTensor): unknown => ({ type, dims, data });
    const wanted = await reference.run(feeds, ['m', 'y']);
    for (const results of [direct.runSync(feeds, ['m', 'y']), await direct.run(feeds, ['m', 'y'])]) {
      for (const name of ['m', 'y']) assert.deepEqual(content(results[name]!), content(wanted[name]!));
    }
  });

  it('gives results that the next run leaves alone', async (t) => {
    const file = join(tempDirectory(t), 'model.onnx');
    const y = { ...x, name: 'y' };
    writeFileSync(
      file,
      onnxModel({ inputs: [x], outputs: [y], nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }] }),
    );
    const direct = (await openDirect(file, OPTIONS))!;
    t.after(() => direct.release());
    const run = (value: number): OrtTensor =>
      direct.runSync!({ x: new OrtTensor('float32', Float32Array.of(value, value), [1, 1, 2]) }, ['y'])['y']!;
    const first = run(1);
    run(2);
    assert.deepEqual(first.data, Float32Array.of(2, 2));
  });

  it('fails with the same words', async (t) => {
    const file = join(tempDirectory(t), 'model.onnx');
    const wordsOf = (opening: Promise<unknown>): Promise<string> => opening.then(String, (error) => error.message);
    assert.equal(await wordsOf(openDirect(file, OPTIONS)), await wordsOf(openPublic(file, OPTIONS)));
    writeFileSync(file, 'no model');
    const words = await wordsOf(openDirect(file, OPTIONS));
    assert.equal(words, await wordsOf(openPublic(file, OPTIONS)));
    assert.match(words, /model\.onnx failed/);
  });

  it('is left to the public API when it has a type unknown there', async (t) => {
    const file = join(tempDirectory(t), 'model.onnx');
    const half = { name: 'x', dtype: 'bfloat16', dims: ['rows'] } as const;
    const identity = [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }];
    writeFileSync(file, onnxModel({ inputs: [half], outputs: [{ ...half, name: 'y' }], nodes: identity }));
    assert.equal(await openDirect(file, OPTIONS), undefined);
  });
});
