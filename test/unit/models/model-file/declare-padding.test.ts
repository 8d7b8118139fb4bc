/** `pad_values` in the pillion.yaml beside a model and in the server's, held against the graph. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import type { Signatures } from '../../../../src/core/signature.ts';
import { elements, type NumericTensor } from '../../../../src/core/tensor.ts';
import { declaredPaddings, withDeclaredBatching } from '../../../../src/models/loading/declared-batching.ts';
import type { DeclaredPadding } from '../../../../src/models/model-file/declare-padding.ts';
import { loadModelFile, type ModelFile } from '../../../../src/models/model-file/load-model-file.ts';
import { signature, spec } from '../../../support/puppet-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const GRAPHS: Signatures = new Map([
  [
    'serving_default',
    signature(
      {
        ids: spec('int64', [-1, -1], 'ids'),
        frames: spec('float32', [-1, -1, 80], 'frames'),
        words: spec('string', [-1, -1], 'words'),
        fixed: spec('float32', [-1, 4], 'fixed'),
      },
      { y: spec('float32', [-1], 'y') },
    ),
  ],
]);

async function fileOf(t: TestContext, yaml: string): Promise<ModelFile> {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'pillion.yaml'), yaml);
  return (await loadModelFile(directory))!;
}

function plain(paddings: ReadonlyMap<string, DeclaredPadding>): unknown {
  const own = paddings.get('serving_default')?.values ?? new Map();
  return Object.fromEntries(
    [...own].map(([name, value]) => [
      name,
      value.dtype === 'string' ? new TextDecoder().decode(value.data[0]) : elements(value as NumericTensor)[0],
    ]),
  );
}

test('values are those of the file, of the dtypes of the inputs', async (t) => {
  const file = await fileOf(t, 'batching: {pad_values: {ids: 1, frames: -0.5, words: "[PAD]"}}');
  const values = file.paddings(GRAPHS);
  file.views(GRAPHS);
  assert.deepEqual(plain(values), { ids: 1n, frames: -0.5, words: '[PAD]' });
  assert.deepEqual(values.get('serving_default')!.values.get('frames')!.shape, []);
});

test('they declare no batch axis', async (t) => {
  const file = await fileOf(t, 'batching: {pad_values: {ids: 1}}');
  assert.equal(file.declaration, undefined);
  assert.equal(withDeclaredBatching({ name: 'm' }, file, GRAPHS), GRAPHS);
});

test('there are none without a file, and where batching is off', async (t) => {
  assert.deepEqual(plain(declaredPaddings({ name: 'm' }, undefined, GRAPHS)), {});
  assert.deepEqual(plain((await fileOf(t, 'batching: off')).paddings(GRAPHS)), {});
});

test('the configuration of the server overrides the file, input by input', async (t) => {
  const file = await fileOf(t, 'batching: {pad_values: {ids: 1, frames: 0}}');
  const declaredBatching = { padValues: new Map([['ids', 7n]]) };
  assert.deepEqual(plain(declaredPaddings({ name: 'm', declaredBatching }, file, GRAPHS)), { ids: 7n, frames: 0 });
  // It says nothing of axes: an `off` of the file still holds.
  const off = await fileOf(t, 'batching: off');
  const signatures = withDeclaredBatching({ name: 'm', declaredBatching }, off, GRAPHS);
  assert.equal(signatures.get('serving_default')!.batchAxis.kind, 'none');
});

test('the longest length is the owner’s word that padding changes no answer', async (t) => {
  const file = await fileOf(t, 'batching: {max_padded_length: 300, pad_values: {ids: 1}}');
  const { longest, isAssured, values } = file.paddings(GRAPHS).get('serving_default')!;
  assert.deepEqual([longest, isAssured, values.size], [300, true, 1]);
  const declaredBatching = { maxPaddedLength: 40 };
  const both = declaredPaddings({ name: 'm', declaredBatching }, file, GRAPHS).get('serving_default')!;
  assert.deepEqual([both.longest, both.isAssured, both.values.size], [40, true, 1]);
});

for (const [yaml, wanted] of [
  ['{id: 0}', /^1:25: the graph has no input "id"; did you mean "ids"\?/],
  ['{ids: 0.5}', /^1:25: 0\.5 is no int64/],
  ['{frames: zero}', /^1:25: "zero" is no float32/],
  ['{fixed: 0}', /^1:25: no dim of the input beside its rows is free/],
  ['{ids: [0]}', /^1:30: this is a list; write a number, text, true or false/],
] as const) {
  test(`pad_values: ${yaml} is refused`, async (t) => {
    const file = await fileOf(t, `batching: {pad_values: ${yaml}}`);
    file.paddings(GRAPHS);
    assert.throws(
      () => file.views(GRAPHS),
      (error: ServingError) => {
        assert.equal(error.kind, 'load_failed');
        assert.match(error.message.replaceAll(/^.*pillion\.yaml:/gm, ''), wanted);
        return true;
      },
    );
  });
}

test('the server’s own values are held against the graph, too', () => {
  const declaredBatching = { padValues: new Map([['idz', 0]]) };
  assert.throws(
    () => declaredPaddings({ name: 'm', declaredBatching }, undefined, GRAPHS),
    (error) => {
      assert.ok(error instanceof ServingError);
      assert.match(
        error.message,
        /^model "m": batching\.pad_values\.idz: the graph has no input "idz"; did you mean "ids"/,
      );
      return true;
    },
  );
});
