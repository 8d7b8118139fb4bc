import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, mkdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fingerprintOf } from '../../../../src/models/versions/artifact-fingerprint.ts';
import { findVersions } from '../../../../src/models/versions/version-source.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

it('is the same while nothing is written, and another after each kind of change', async (t) => {
  const directory = tempDirectory(t);
  const file = join(directory, 'variables', 'weights');
  mkdirSync(join(directory, 'variables'));
  writeFileSync(file, 'abc');
  const seen: string[] = [];
  const changes = [
    () => appendFileSync(file, 'd'),
    () => utimesSync(file, 1, 1),
    () => renameSync(file, `${file}.1`),
    () => chmodSync(`${file}.1`, 0o600),
    () => writeFileSync(join(directory, 'variables', 'index'), ''),
    () => mkdirSync(join(directory, 'assets')),
  ];
  seen.push((await fingerprintOf(directory)).text);
  assert.equal((await fingerprintOf(directory)).text, seen[0]);
  for (const change of changes) {
    change();
    seen.push((await fingerprintOf(directory)).text);
  }
  assert.equal(new Set(seen).size, changes.length + 1);
});

it('sees that an old file is new here', async (t) => {
  const directory = tempDirectory(t);
  const before = Date.now();
  writeFileSync(join(directory, 'model.onnx'), 'abc');
  utimesSync(join(directory, 'model.onnx'), 1, 1);
  const { changedAtMs } = await fingerprintOf(directory);
  assert.ok(changedAtMs > before - 1000);
});

it('does not take a directory for new that was renamed whole', async (t) => {
  const base = tempDirectory(t);
  mkdirSync(join(base, '.incoming'));
  writeFileSync(join(base, '.incoming', 'model.onnx'), 'abc');
  const before = await fingerprintOf(join(base, '.incoming'));
  renameSync(join(base, '.incoming'), join(base, '1'));
  assert.deepEqual(await fingerprintOf(join(base, '1')), before);
});

it('counts files, follows links, survives rings of them and what is gone', async (t) => {
  const directory = tempDirectory(t);
  assert.equal((await fingerprintOf(directory)).files, 0);
  symlinkSync(directory, join(directory, 'ring'));
  symlinkSync(join(directory, 'nowhere'), join(directory, 'dangling'));
  writeFileSync(join(directory, 'a'), '');
  assert.ok((await fingerprintOf(directory)).files >= 1);
  assert.deepEqual((await fingerprintOf(join(directory, 'nowhere'))).files, 0);
});

it('finds directories and links to them as versions, by number', async (t) => {
  const base = tempDirectory(t);
  for (const name of ['2', '00017', '017', 'notes', '-3', '.tmp-9', '9223372036854775808', '1e3']) {
    mkdirSync(join(base, name));
  }
  writeFileSync(join(base, '99'), 'a file is no version');
  symlinkSync(join(base, 'notes'), join(base, '40'));
  symlinkSync(join(base, 'nowhere'), join(base, '41'));
  symlinkSync(join(base, '99'), join(base, '42'));
  const found = await findVersions(base);
  assert.deepEqual([...found.keys()].sort(), [17n, 2n, 40n]);
  assert.equal(found.get(17n), join(base, '017'));
  await assert.rejects(findVersions(join(base, '99')), /base path .*99 is not a directory/);
});
