import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Backend } from '../../../src/backends/backend.ts';
import { Backends } from '../../../src/backends/backends.ts';
import { siblingModule } from '../../../src/backends/host/sibling-module.ts';
import { importBackend } from '../../../src/backends/import-backend.ts';
import { loadOptionsOf } from '../../../src/backends/load-options.ts';
import { versionDirectoryProblem } from '../../../src/config/base-path.ts';
import { AUTO_RUNTIME } from '../../../src/config/model-config.ts';
import type { ServingError } from '../../../src/core/errors.ts';
import { FEATURES } from '../../../src/pillion.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const BACKENDS = FEATURES.backends;
const has = (...kinds: readonly string[]): boolean => kinds.every((kind) => BACKENDS.kinds.includes(kind));
/** Names of the files by which a message says what it wanted, in the order of the list. */
const WANTED = [
  ['remote', ['remote.yaml']],
  ['onnx', ['model.onnx', 'any.onnx']],
  ['trees', ['model.json', 'model.ubj', 'model.txt']],
  ['tfjs', ['saved_model.pb', 'model.json']],
] as const;

/** The backend itself, with its runtime. */
async function backendFor(directory: string, kind?: string): Promise<Backend> {
  return importBackend((await BACKENDS.find(directory, kind)).module);
}

describe('backendFor', () => {
  it('recognises an ONNX file by its name', async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'weights.onnx'), '');
    assert.equal((await backendFor(directory)).kind, 'onnx');
  });

  it('recognises a remote.yaml', { skip: !has('remote') }, async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'remote.yaml'), '');
    assert.equal((await backendFor(directory)).kind, 'remote');
  });

  const both = has('trees', 'tfjs');
  it('tells trees from a model of TensorFlow.js by the first key of model.json', { skip: !both }, async (t) => {
    const directory = tempDirectory(t);
    const file = join(directory, 'model.json');
    for (const [text, kind] of [
      ['{"learner":{}', 'trees'],
      ['\n { "version" : [3,1,2], "learner"', 'trees'],
      ['{"name":"tree","version":"v4"', 'trees'],
      ['{"format":"graph-model"', 'tfjs'],
      ['{"modelTopology":{"learner":1', 'tfjs'],
      ['', 'tfjs'],
    ] as const) {
      writeFileSync(file, text);
      assert.equal((await backendFor(directory)).kind, kind, text);
    }
    writeFileSync(join(directory, 'model.txt'), 'tree\nversion=v4\n');
    writeFileSync(file, '{"format":"graph-model"');
    assert.deepEqual(await BACKENDS.artifactKinds(directory), ['trees', 'tfjs_model']);
    writeFileSync(join(directory, 'model.txt'), 'a list of classes');
    assert.deepEqual(await BACKENDS.artifactKinds(directory), ['tfjs_model']);
  });

  it('leaves out of the artifacts what cannot be imported here', async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'model.onnx'), '');
    const { href } = pathToFileURL(join(directory, 'missing.mjs'));
    assert.deepEqual(await new Backends([{ kind: 'missing', module: href }]).artifactKinds(directory), ['onnx']);
  });

  it('tells plug-ins from kinds, which may be the names of packages that are none', () => {
    const own = [...BACKENDS.kinds, AUTO_RUNTIME, undefined];
    assert.deepEqual(
      own.map((kind) => BACKENDS.plugInOf(kind)).filter((found) => found !== undefined),
      [],
    );
    assert.equal(BACKENDS.plugInOf('/opt/tokenizer-backend.mjs'), '/opt/tokenizer-backend.mjs');
  });

  it('takes the kind that is asked for, whatever lies there', async (t) => {
    assert.equal((await backendFor(tempDirectory(t), 'onnx')).kind, 'onnx');
  });

  it('takes a module with an export `backend` as a plug-in', async (t) => {
    const plugIn = siblingModule(import.meta.url, '../../support/fake-backend').href;
    assert.equal((await backendFor(tempDirectory(t), plugIn)).kind, 'fake');
  });

  it('says what it wanted and what it found when nothing fits', async (t) => {
    const directory = tempDirectory(t);
    await assertLoadFailed(backendFor(directory), /it is empty; wanted .*model\.onnx.*\(onnx\)/);
    mkdirSync(join(directory, 'model.onnx'));
    writeFileSync(join(directory, 'README.md'), '');
    await assertLoadFailed(backendFor(directory), /it holds .*README\.md.*; wanted/);
    await assertLoadFailed(backendFor(join(directory, 'missing')), /ENOENT.*; wanted/);
  });

  it('recognises no file whose directory could be taken for a base path', async (t) => {
    const version = join(tempDirectory(t), '17');
    const { message } = await backendFor(version).then(
      () => assert.fail('it is no model'),
      (error: ServingError) => error,
    );
    const files = [...message.split('wanted')[1]!.matchAll(/(?<![\w.])[a-z_*]+\.[a-z]+/g)].map(([name]) =>
      name.replace('*', 'any'),
    );
    assert.deepEqual(
      files,
      WANTED.flatMap(([kind, names]) => (has(kind) ? names : [])),
    );
    for (const file of files) {
      mkdirSync(version);
      writeFileSync(join(version, file), '');
      assert.match(versionDirectoryProblem(version) ?? '', /is a version itself/, file);
      rmSync(version, { recursive: true });
    }
  });

  it('names the feature of a kind that was left out', async (t) => {
    const names = FEATURES.features.flatMap(({ name, backends = [] }) => (backends.length > 0 ? [name] : []));
    const { backends } = FEATURES.without(...names);
    assert.deepEqual(backends.kinds, ['onnx']);
    const directory = tempDirectory(t);
    for (const { name, backends: own = [] } of FEATURES.features) {
      for (const { kind } of own) {
        const error = new RegExp(`backend "${kind}" is of the feature ${name}, which is left out of this server`);
        await assertLoadFailed(backends.find(directory, kind), error);
        await assertLoadFailed(backends.check(kind), error);
      }
    }
    writeFileSync(join(directory, 'saved_model.pb'), '');
    await assertLoadFailed(backends.find(directory), /it holds saved_model\.pb; wanted model\.onnx, .* \(onnx\)$/);
  });

  it('names the built-in kinds when a kind is unknown', async () => {
    await assertLoadFailed(backendFor('/', 'onxx'), /"onxx" is not built in \(.*onnx.*\) and cannot be imported/);
  });

  it('refuses a module that is no backend, or that throws', async (t) => {
    const directory = tempDirectory(t);
    const other = join(directory, 'other.mjs');
    writeFileSync(other, 'export const frontend = {};');
    await assertLoadFailed(
      backendFor('/', pathToFileURL(other).href),
      /other\.mjs" is a module without an export `backend`/,
    );
    await assertLoadFailed(
      backendFor('/', 'node:path'),
      /"node:path" is neither built in \(.*\) nor a package or file/,
    );
    await assertLoadFailed(
      backendFor('/', './other.mjs'),
      /"\.\/other\.mjs" is a relative path; write it in full: "\/.*\/other\.mjs"/,
    );
    const broken = join(directory, 'broken.mjs');
    writeFileSync(broken, 'throw new Error("no such driver")');
    await assertLoadFailed(backendFor('/', pathToFileURL(broken).href), /no such driver/);
  });
});

async function assertLoadFailed(promise: Promise<unknown>, text: RegExp): Promise<void> {
  await assert.rejects(promise, (error: ServingError) => {
    assert.equal(error.kind, 'load_failed');
    assert.match(error.message, text);
    return true;
  });
}

describe('artifactKinds', () => {
  it('tells every artifact that this machine can run, preferred first', { skip: !has('tfjs') }, async (t) => {
    const directory = tempDirectory(t);
    assert.deepEqual(await BACKENDS.artifactKinds(directory), []);
    for (const file of ['model.json', 'remote.yaml', 'saved_model.pb']) writeFileSync(join(directory, file), '');
    assert.deepEqual(await BACKENDS.artifactKinds(directory), ['saved_model', 'tfjs_model']);
    writeFileSync(join(directory, 'model.onnx'), '');
    const all = await BACKENDS.artifactKinds(directory);
    assert.deepEqual(all, ['onnx', 'saved_model', 'tfjs_model']);
    assert.deepEqual(
      all.map((kind) => BACKENDS.namedArtifact(kind, all)),
      all,
    );
    assert.equal(BACKENDS.namedArtifact('tfjs', all), 'saved_model');
    assert.equal(BACKENDS.namedArtifact('tfjs', ['onnx', 'tfjs_model']), 'tfjs_model');
    assert.equal(BACKENDS.namedArtifact('tfjs', ['onnx', 'trees', 'tfjs_model']), 'tfjs_model');
    assert.equal(BACKENDS.namedArtifact('tfjs', ['onnx', 'trees']), 'tfjs');
  });

  it('opens every kind of the table by its name', async (t) => {
    const directory = tempDirectory(t);
    for (const kind of BACKENDS.kinds) assert.equal((await backendFor(directory, kind)).kind, kind);
  });

  it('opens each by its own name, and no other', { skip: !has('tfjs') }, async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'model.json'), '');
    assert.equal(await (await backendFor(directory, 'tfjs_model')).probe(directory), true);
    const saved = await backendFor(directory, 'saved_model');
    assert.equal(await saved.probe(directory), false);
    const options = loadOptionsOf({ intraOpThreads: 1, executionProvider: 'cpu' });
    await assertLoadFailed(saved.load(directory, options), /it holds no saved_model.pb/);
    assert.equal((await backendFor(directory)).kind, 'tfjs');
  });
});
