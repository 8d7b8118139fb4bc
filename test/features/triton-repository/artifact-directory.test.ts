/** Where the artifact of a version is, in each layout that Triton documents. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { modelOfEntry } from '../../../src/features/triton-repository/config/model-of-config.ts';
import { artifactDirectory } from '../../../src/features/triton-repository/serving/artifact-directory.ts';
import { modelConfig } from '../../support/model-lifecycle-harness.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

/** The directory that the backend gets, relative to the version's; paths that end in / are directories. */
async function found(t: TestContext, text: string, paths: readonly string[]): Promise<string> {
  const directory = tempDirectory(t);
  for (const path of paths) {
    const whole = join(directory, path);
    mkdirSync(path.endsWith('/') ? whole : join(whole, '..'), { recursive: true });
    if (!path.endsWith('/')) writeFileSync(whole, 'x');
  }
  const file = { bytes: Buffer.from(text) };
  const { model } = modelOfEntry({ name: 'm', directory, file }, { executionProvider: 'cpu' });
  return (await artifactDirectory(model, directory)).slice(directory.length);
}

const ONNX = 'backend: "onnxruntime"';
const SAVED = 'platform: "tensorflow_savedmodel"';

describe('the artifact of a version', () => {
  for (const [what, text, paths, wanted] of [
    ['model.onnx', ONNX, ['model.onnx'], ''],
    ['model.onnx with external data', ONNX, ['model.onnx/model.onnx', 'model.onnx/weights'], '/model.onnx'],
    ['model.savedmodel', SAVED, ['model.savedmodel/saved_model.pb'], '/model.savedmodel'],
    ['another directory', `${SAVED} default_model_filename: "net"`, ['net/saved_model.pb'], '/net'],
    ['the only *.onnx file', `${ONNX} default_model_filename: "net.onnx"`, ['net.onnx', 'notes.txt'], ''],
    ['found by its files', '', ['model.savedmodel/saved_model.pb'], '/model.savedmodel'],
    ['of a runtime that Triton does not have', '', ['model.txt'], ''],
  ] as const) {
    it(`is ${what}`, async (t) => assert.equal(await found(t, text, paths), wanted));
  }

  for (const [what, text, paths, problem] of [
    ['is missing', ONNX, ['other.onnx'], /holds no model\.onnx: it holds other\.onnx/],
    [
      'is one of several',
      `${ONNX} default_model_filename: "a.onnx"`,
      ['a.onnx', 'b.onnx'],
      /holds a\.onnx, b\.onnx; leave a\.onnx alone/,
    ],
    [
      'has no ending',
      `${ONNX} default_model_filename: "net"`,
      ['net'],
      /has no name that ends in \.onnx; name it model\.onnx/,
    ],
    [
      'is an ensemble’s without steps',
      'ensemble_scheduling { }',
      ['note'],
      /the ensemble has no step; add ensemble_sch/,
    ],
  ] as const) {
    it(`fails the load where it ${what}`, async (t) => {
      await assert.rejects(found(t, text, paths), problem);
    });
  }

  it('of a model that is in no repository is in the version’s directory', async () => {
    assert.equal(await artifactDirectory(modelConfig('m'), '/m/1'), '/m/1');
  });
});
