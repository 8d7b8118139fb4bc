/** `batching` in the pillion.yaml beside a model, held against the graph. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { syntheticBatch } from '../../../../src/backends/synthetic-batch.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import type { Signature, Signatures } from '../../../../src/core/signature.ts';
import {
  elements,
  type NumericTensor,
  numericTensor,
  type StringTensor,
  stringTensor,
} from '../../../../src/core/tensor.ts';
import { withDeclaredBatching } from '../../../../src/models/loading/declared-batching.ts';
import { loadModelFile, type ModelFile } from '../../../../src/models/model-file/load-model-file.ts';
import { rowsIn } from '../../../../src/proxy/handlers/check-inputs.ts';
import { withDefaults } from '../../../../src/proxy/handlers/fill-defaults.ts';
import { signature, spec } from '../../../support/puppet-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

/** The signature of silero-vad. */
const VAD: Signature = {
  ...signature(
    {
      input: spec('float32', [-1, -1], 'input'),
      state: spec('float32', [2, -1, 128], 'state'),
      sr: spec('int64', [], 'sr'),
    },
    { output: spec('float32', [-1, 1], 'output'), stateN: spec('float32', [-1, -1, -1], 'stateN') },
  ),
  batchAxis: { kind: 'none' },
};

const DECLARED = `batching:
  inputs: {state: {batch_axis: 1}, sr: {batch: same}}
  outputs: {stateN: {batch_axis: 1}}
`;

async function fileOf(t: TestContext, yaml: string): Promise<ModelFile> {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'pillion.yaml'), yaml);
  return (await loadModelFile(directory))!;
}

async function declared(t: TestContext, yaml: string, graph = VAD): Promise<Signature> {
  const file = await fileOf(t, yaml);
  const graphs: Signatures = new Map([['serving_default', graph]]);
  const signatures = withDeclaredBatching({ name: 'm' }, file, graphs);
  file.views(signatures);
  return signatures.get('serving_default')!;
}

async function problems(t: TestContext, yaml: string, graph = VAD): Promise<string> {
  try {
    await declared(t, yaml, graph);
  } catch (error) {
    assert.ok(error instanceof ServingError);
    assert.equal(error.kind, 'load_failed');
    return error.message.replaceAll(/^.*pillion\.yaml:/gm, '');
  }
  throw new Error('the file was taken');
}

test('rows are where the file says', async (t) => {
  const { batchAxis, batchAxes } = await declared(t, DECLARED);
  assert.deepEqual(batchAxis, { kind: 'dynamic', reason: 'declared in pillion.yaml' });
  assert.deepEqual(
    batchAxes,
    new Map<string, number | 'same'>([
      ['state', 1],
      ['sr', 'same'],
      ['stateN', 1],
    ]),
  );
});

test('dim 0 everywhere is declared by naming one input', async (t) => {
  const graph = { ...signature({ x: spec('float32', [-1, 3], 'x') }, { y: spec('float32', [-1], 'y') }) };
  const { batchAxis, batchAxes } = await declared(t, 'batching: {inputs: {x: {batch_axis: 0}}}', {
    ...graph,
    batchAxis: { kind: 'none' },
  });
  assert.equal(batchAxis.kind, 'dynamic');
  assert.equal(batchAxes, undefined, 'the fast path');
});

test('a graph whose rows have one number has a fixed batch', async (t) => {
  const graph = signature({ x: spec('float32', [3, 4], 'x') }, { y: spec('float32', [-1], 'y') });
  const { batchAxis } = await declared(t, 'batching: {inputs: {x: {batch_axis: 1}}}', graph);
  assert.deepEqual(batchAxis, { kind: 'fixed', size: 4, reason: 'declared in pillion.yaml' });
});

for (const off of ['off', 'false', '{enabled: false}', '{enabled: false, inputs: {state: {batch_axis: 1}}}']) {
  test(`batching: ${off} runs each request as it came`, async (t) => {
    const graph: Signature = { ...VAD, batchAxis: { kind: 'dynamic' }, batchAxes: new Map([['state', 1]]) };
    const { batchAxis, batchAxes, hasRows } = await declared(t, `batching: ${off}`, graph);
    assert.deepEqual(batchAxis, { kind: 'none', reason: 'off, declared in pillion.yaml' });
    assert.deepEqual([batchAxes, hasRows], [graph.batchAxes, true], 'it still tells where its rows are');
  });
}

for (const nothing of ['', 'batching:', 'batching: {}', 'batching: {enabled: true}']) {
  test(`${JSON.stringify(nothing)} declares nothing`, async (t) => {
    const file = await fileOf(t, nothing);
    assert.equal(file.declaration, undefined);
    const graphs = new Map([['serving_default', VAD]]);
    assert.equal(withDeclaredBatching({ name: 'm' }, file, graphs), graphs);
  });
}

const WRONG: readonly [yaml: string, ...problems: RegExp[]][] = [
  ['batching: on', /^1:11: there is no batching "on".*|^1:11: this .*off/],
  ['batching: [state]', /^1:11: this is a list; write off, or a map/],
  ['batching: {outputs: {stateN: {}}}', /this has no "batch_axis"; add it/],
  ['batching:\n  inputs:\n    stat: {batch_axis: 1}', /^3:5: the graph has no input "stat"; did you mean "state"\?/m],
  [
    'batching:\n  outputs: {state: {batch_axis: 1}}',
    /^2:13: the graph has no output "state"; did you mean "stateN"\?/m,
  ],
  [
    'batching: {inputs: {state: {batch_axis: 3}}}',
    /^1:21: input "state" is \[2,\?,128\] and has no dim 3; its dims are 0/m,
  ],
  ['batching: {inputs: {state: {batch_axis: -1}}}', /^1:41: this is the number -1; write a whole number from 0 to 31/],
  ['batching: {inputs: {state: {batch_axis: 1, batch: same}}}', /^1:28: batch: same means .* leave one of them out/],
  ['batching: {inputs: {state: {}}}', /^1:28: it has neither batch_axis nor batch/],
  ['batching: {inputs: {sr: {batch: equal}}}', /^1:33: there is no batch "equal"; there are "same"/],
  ['batching: {inputs: {sr: same}}', /^1:25: this is the text "same"; write a map with batch_axis/],
  [
    'batching: {outputs: {stateN: {batch: same, batch_axis: 1}}}',
    /^1:38: .*write no value for an output: each request/m,
  ],
  ['batching: {input: {}}', /^1:12: unknown key "input"; did you mean "inputs"\?/],
  // The scalar has no dim 0, and nothing is said of it.
  ['batching: {inputs: {state: {batch_axis: 1}}}', /^1:1: input "sr" is a single value .* sr: \{batch: same\}/m],
  [
    'batching: {inputs: {input: {batch: same}, state: {batch: same}, sr: {batch: same}}}',
    /^1:1: no input has rows, so there is nothing to batch/m,
  ],
  // state has 2 at dim 0 and the others "?".
  ['batching: {inputs: {sr: {batch: same}}}', /^1:1: the batch axes of the inputs are of the sizes \?, 2, but/m],
];

for (const [yaml, ...wanted] of WRONG) {
  test(`${JSON.stringify(yaml)} is refused`, async (t) => {
    const text = await problems(t, yaml);
    for (const each of wanted) assert.match(text, each);
  });
}

test('an output without dims has no rows', async (t) => {
  const graph = signature({ x: spec('float32', [-1], 'x') }, { loss: spec('float32', [], 'loss') });
  assert.match(
    await problems(t, 'batching: {inputs: {x: {batch_axis: 0}}}', graph),
    /^1:1: output "loss" is a single value and has no dim 0; .*write "batching: off"/,
  );
});

test('the configuration of the server overrides the file', async (t) => {
  const file = await fileOf(t, DECLARED);
  const off = await fileOf(t, 'batching: off');
  const graphs = new Map([['serving_default', VAD]]);
  const inputs = new Map<string, number | 'same'>([
    ['state', 1],
    ['sr', 'same'],
  ]);
  const axes = { name: 'm', declaredBatching: { inputs, outputs: new Map([['stateN', 1]]) } };
  const ofServer = withDeclaredBatching(axes, off, graphs).get('serving_default');
  assert.deepEqual(ofServer?.batchAxes, new Map<string, number | 'same'>([...inputs, ['stateN', 1]]));
  assert.equal(withDeclaredBatching({ name: 'm' }, undefined, graphs), graphs);
  assert.deepEqual(withDeclaredBatching({ name: 'm' }, file, graphs), file.declareBatching(graphs));
  const on = { name: 'm', declaredBatching: { enabled: true } };
  assert.equal(withDeclaredBatching(on, off, graphs), graphs);
  assert.deepEqual(withDeclaredBatching(on, file, graphs), file.declareBatching(graphs));
  assert.equal(withDeclaredBatching(on, file, graphs).get('serving_default')?.batchAxis.kind, 'dynamic');
  const signatures = withDeclaredBatching({ name: 'm', declaredBatching: 'off' }, file, graphs);
  assert.deepEqual(signatures.get('serving_default')?.batchAxis, {
    kind: 'none',
    reason: "off, declared in the server's configuration",
  });
});

test('names in the configuration of the server are held against the graph, too', () => {
  const graphs = new Map([['serving_default', VAD]]);
  const inputs = new Map<string, number | 'same'>([
    ['stat', 1],
    ['sr', 'same'],
  ]);
  const declaredBatching = { inputs, outputs: new Map([['stateN', 4]]) };
  assert.throws(
    () => withDeclaredBatching({ name: 'vad', declaredBatching }, undefined, graphs),
    (error: ServingError) => {
      assert.equal(error.kind, 'load_failed');
      assert.match(
        error.message,
        /^model "vad": batching\.inputs\.stat: the graph has no input "stat"; did you mean "state"/,
      );
      assert.match(error.message, /batching\.outputs\.stateN: output "stateN" is \[\?,\?,\?\] and has no dim 4/);
      return true;
    },
  );
});

test('views of the graph have its axes under their own names, and rows of defaults along them', async (t) => {
  const yaml = `${DECLARED}signatures:
  named:
    method: predict
    inputs: {audio: input, memory: state, rate: sr}
    outputs: {speech: output, memory_out: stateN}
    defaults: {rate: 16000, memory: ${JSON.stringify([0, 1].map((half) => new Array<number>(128).fill(half)))}}
`;
  const file = await fileOf(t, yaml);
  const views = file.views(withDeclaredBatching({ name: 'm' }, file, new Map([['serving_default', VAD]])));
  const view = views.get('named')!.signature;
  assert.deepEqual(
    view.batchAxes,
    new Map<string, number | 'same'>([
      ['audio', 0],
      ['memory', 1],
      ['rate', 'same'],
      ['speech', 0],
      ['memory_out', 1],
    ]),
  );
  assert.deepEqual(view.defaults?.get('memory')?.shape, [2, 1, 128]);
  assert.deepEqual(view.defaults?.get('rate')?.shape, []);
  const audio = numericTensor('float32', [3, 4], new Float32Array(12));
  const filled = withDefaults(view, new Map([['audio', audio]]));
  assert.deepEqual(filled.get('memory')?.shape, [2, 3, 128]);
  assert.deepEqual(
    [...elements(filled.get('memory') as NumericTensor)],
    [0, 1].flatMap((half) => new Array<number>(3 * 128).fill(half)),
  );
  assert.deepEqual(filled.get('rate')?.shape, []);
  assert.equal(rowsIn(view, filled), 3);
});

test('a default of one row is taken where batching is off, too', async (t) => {
  const graph = signature({ x: spec('string', [-1, 2], 'x') }, { y: spec('float32', [-1], 'y') });
  const yaml = 'batching: off\nsignatures: {s: {method: predict, defaults: {x: [a, b]}}}';
  const file = await fileOf(t, yaml);
  const view = file.views(withDeclaredBatching({ name: 'm' }, file, new Map([['serving_default', graph]]))).get('s')!;
  assert.deepEqual(view.signature.defaults?.get('x')?.shape, [1, 2]);
});

test('a default of strings is repeated row by row along its axis', () => {
  const texts = ['a', 'b', 'c', 'd'].map((text) => new TextEncoder().encode(text));
  const graph: Signature = {
    ...signature({ x: spec('float32', [-1], 'x'), names: spec('string', [2, -1, 2], 'names') }, {}),
    batchAxis: { kind: 'dynamic' },
    batchAxes: new Map([['names', 1]]),
    defaults: new Map([['names', stringTensor([2, 1, 2], texts)]]),
  };
  const x = numericTensor('float32', [2], new Float32Array(2));
  const names = withDefaults(graph, new Map([['x', x]])).get('names') as StringTensor;
  assert.deepEqual(names.shape, [2, 2, 2]);
  assert.equal(names.data.map((each) => new TextDecoder().decode(each)).join(''), 'ababcdcd');
});

test('examples cannot fill a graph whose rows are not at dim 0', async (t) => {
  const graph = signature({ x: spec('float32', [3, -1], 'x') }, { y: spec('float32', [-1, 1], 'y') });
  const yaml = `batching: {inputs: {x: {batch_axis: 1}}}
signatures: {r: {method: regress, features: {x: {shape: [3]}}, outputs: {outputs: y}}}`;
  assert.match(
    await problems(t, yaml, graph),
    /^2:\d+: examples become rows of dim 0, but "x" has its rows elsewhere \("batching"\); use method predict$/m,
  );
});

test('made-up batches have their rows where the signature has them', () => {
  const axes = new Map<string, number | 'same'>([
    ['state', 1],
    ['sr', 'same'],
  ]);
  const { inputs } = syntheticBatch('s', { ...VAD, batchAxis: { kind: 'dynamic' }, batchAxes: axes }, { rows: 5 })!;
  assert.deepEqual(
    [...inputs.values()].map(({ shape }) => shape),
    [[5, 1], [2, 5, 128], []],
  );
});
