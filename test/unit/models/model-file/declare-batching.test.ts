/** `batching` in the pillion.yaml beside a model, held against the graph. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import type { Signature, Signatures } from '../../../../src/core/signature.ts';
import { batchDeclarationOf, withDeclaredBatching } from '../../../../src/models/loading/declared-batching.ts';
import { loadModelFile, type ModelFile } from '../../../../src/models/model-file/load-model-file.ts';
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
    const { batchAxis, batchAxes } = await declared(t, `batching: ${off}`, graph);
    assert.deepEqual(batchAxis, { kind: 'none', reason: 'off, declared in pillion.yaml' });
    assert.equal(batchAxes, undefined);
  });
}

for (const nothing of ['', 'batching:', 'batching: {}', 'batching: {enabled: true}']) {
  test(`${JSON.stringify(nothing)} declares nothing`, async (t) => {
    const file = await fileOf(t, nothing);
    assert.equal(file.batching, undefined);
    const graphs = new Map([['serving_default', VAD]]);
    assert.equal(withDeclaredBatching({ name: 'm' }, file, graphs), graphs);
  });
}

const WRONG: readonly [yaml: string, ...problems: RegExp[]][] = [
  ['batching: on', /^1:11: there is no batching "on".*|^1:11: this .*off/],
  ['batching: [state]', /^1:11: this is a list; write off, or a map/],
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
  const axes = { kind: 'axes', axes: new Map<string, number | 'same'>([['sr', 'same']]) } as const;
  assert.equal(batchDeclarationOf({}, undefined), undefined);
  assert.equal(batchDeclarationOf({}, file), file.batching);
  assert.deepEqual(batchDeclarationOf({ batchDeclaration: { kind: 'off' } }, file), { kind: 'off' });
  assert.equal(batchDeclarationOf({ batchDeclaration: axes }, off), axes);
  assert.equal(batchDeclarationOf({ batchDeclaration: 'on' }, off), undefined);
  assert.equal(batchDeclarationOf({ batchDeclaration: 'on' }, file), file.batching);
  const signatures = withDeclaredBatching({ name: 'm', batchDeclaration: { kind: 'off' } }, file, graphs);
  assert.deepEqual(signatures.get('serving_default')?.batchAxis, {
    kind: 'none',
    reason: "off, declared in the server's configuration",
  });
});

test('names in the configuration of the server are held against the graph, too', () => {
  const graphs = new Map([['serving_default', VAD]]);
  const axes = new Map<string, number | 'same'>([
    ['stat', 1],
    ['sr', 'same'],
    ['stateN', 4],
  ]);
  assert.throws(
    () => withDeclaredBatching({ name: 'vad', batchDeclaration: { kind: 'axes', axes } }, undefined, graphs),
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
