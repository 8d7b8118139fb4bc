/** Weights in files beside a model: what ONNX Runtime reads is served, and what it refuses is named. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Session } from '../../../../src/backends/backend.ts';
import { loadOptionsOf } from '../../../../src/backends/load-options.ts';
import { backend } from '../../../../src/backends/onnx/onnx-backend.ts';
import { elements, type NumericTensor, numericTensor } from '../../../../src/core/tensor.ts';
import { InferenceSession } from '../../../../src/internals/ort-library.ts';
import { onnxModel } from '../../../support/onnx-model.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const WEIGHTS = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
/** Of one initializer, as its entries have it. */
type Entries = Readonly<Record<string, string>>;
type Files = Readonly<Record<string, Uint8Array>>;

/** y = x + w, or y = x where `w` is unused; the values of w are where `entries` says. */
function modelOf(entries: Entries, { isUsed = true, width = 4 } = {}): Uint8Array {
  const x = { name: 'x', dtype: 'float32' as const, dims: ['N', 4] };
  return onnxModel({
    inputs: [x],
    outputs: [{ ...x, name: 'y' }],
    nodes: [
      isUsed ? { op: 'Add', inputs: ['x', 'w'], outputs: ['y'] } : { op: 'Identity', inputs: ['x'], outputs: ['y'] },
    ],
    initializers: [{ name: 'w', dtype: 'float32', dims: [width], data: new Uint8Array(0), entries }],
  });
}

function directoryOf(t: TestContext, model: Uint8Array, files: Files): string {
  const directory = tempDirectory(t);
  for (const [name, content] of Object.entries({ 'model.onnx': model, ...files })) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return directory;
}

const load = (directory: string): Promise<Session> =>
  backend.load(directory, loadOptionsOf({ intraOpThreads: 1, executionProvider: 'cpu' }));

/** ONNX Runtime by itself opens the model. */
async function isOpenedAlone(directory: string): Promise<boolean> {
  const opened = InferenceSession.create(join(directory, 'model.onnx'), { logSeverityLevel: 4 });
  return opened.then(
    (session) => session.release().then(() => true),
    () => false,
  );
}

describe('weights in files beside the model', () => {
  const whole = { location: 'w.bin', offset: '0', length: '16' };
  const padded = Buffer.concat([Buffer.alloc(16), WEIGHTS]);
  const served: readonly (readonly [string, Entries, Files])[] = [
    ['with all keys', { ...whole, checksum: '0' }, { 'w.bin': WEIGHTS }],
    ['without an offset', { location: 'w.bin', length: '16' }, { 'w.bin': WEIGHTS }],
    ['without a length', { location: 'w.bin', offset: '16' }, { 'w.bin': padded }],
    ['by their location alone', { location: 'w.bin' }, { 'w.bin': WEIGHTS }],
    ['in a directory below', { ...whole, location: 'a/b/w.bin' }, { 'a/b/w.bin': WEIGHTS }],
    ['by a path from here', { ...whole, location: './w.bin' }, { 'w.bin': WEIGHTS }],
  ];
  for (const [how, entries, files] of served) {
    it(`are read ${how}`, async (t) => {
      const session = await load(directoryOf(t, modelOf(entries), files));
      const x = numericTensor('float32', [1, 4], new Float32Array(4));
      const outputs = await session.run('serving_default', new Map([['x', x]]), ['y'], { deadline: Infinity });
      assert.deepEqual([...elements(outputs.get('y') as NumericTensor)], [1, 2, 3, 4]);
      await session.close();
    });
  }

  it('need not be there where nothing uses them', async (t) => {
    for (const unused of [
      modelOf(whole, { isUsed: false }),
      modelOf({ ...whole, length: '0' }, { isUsed: false, width: 0 }),
    ]) {
      const directory = directoryOf(t, unused, {});
      assert.equal(await isOpenedAlone(directory), true);
      await (await load(directory)).close();
    }
  });

  const refused: readonly (readonly [string, Entries, Files, RegExp])[] = [
    ['are not there', whole, {}, /are in "w\.bin", which is not there; put that file beside the model/],
    ['have no location', { offset: '0' }, { 'w.bin': WEIGHTS }, /the model does not say which; save the model anew/],
    ['have an empty location', { location: '' }, { 'w.bin': WEIGHTS }, /the model does not say which/],
    [
      'have another key',
      { ...whole, basepath: 'a' },
      { 'w.bin': WEIGHTS },
      /"w\.bin", with a key "basepath" that .* not know/,
    ],
    [
      'are cut off',
      whole,
      { 'w.bin': WEIGHTS.subarray(8) },
      /16 bytes from byte 0 on, and that file has 8 bytes; copy/,
    ],
    [
      'begin behind the end',
      { location: 'w.bin', offset: '16' },
      { 'w.bin': WEIGHTS },
      /from byte 16 on, .* has 16 bytes/,
    ],
    ['begin at no number', { ...whole, offset: 'x' }, { 'w.bin': WEIGHTS }, /the offset "x", which is no number/],
    [
      'begin before the file',
      { ...whole, offset: '-16' },
      { 'w.bin': WEIGHTS },
      /the offset "-16", which is no number/,
    ],
    [
      'lie elsewhere',
      { ...whole, location: '../w.bin' },
      {},
      /"\.\.\/w\.bin", which is not (there|in the model's directory)/,
    ],
    ['have an absolute path', { ...whole, location: '/tmp/w.bin' }, {}, /which is an absolute path; put it beside/],
    ['are a directory', { ...whole, location: 'a' }, { 'a/w.bin': WEIGHTS }, /"a", which is no file/],
  ];
  for (const [how, entries, files, says] of refused) {
    it(`are named with the tensor where they ${how}`, async (t) => {
      const directory = directoryOf(t, modelOf(entries), files);
      assert.equal(await isOpenedAlone(directory), false);
      await assert.rejects(load(directory), ({ kind, message }: { kind: string; message: string }) => {
        assert.equal(kind, 'load_failed');
        assert.match(message, /model\.onnx": the values of tensor "w" are in /);
        assert.match(message, says);
        return true;
      });
    });
  }

  it('leave other refusals to ONNX Runtime’s own words', async (t) => {
    const wrong = { ...whole, length: '8' };
    const directory = directoryOf(t, modelOf(wrong), { 'w.bin': WEIGHTS });
    await assert.rejects(load(directory), /TensorProto: w external data size mismatch/);
  });
});
