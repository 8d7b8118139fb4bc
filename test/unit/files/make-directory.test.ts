import assert from 'node:assert/strict';
import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { makeDirectory } from '../../../src/files/make-directory.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

it('makes what is missing, and says which was the outermost', async (t) => {
  const root = tempDirectory(t);
  assert.equal(await makeDirectory(join(root, 'a', 'b', 'c'), { mode: 0o700 }), join(root, 'a'));
  assert.equal(statSync(join(root, 'a', 'b', 'c')).mode & 0o777, 0o700);
  assert.equal(await makeDirectory(join(root, 'a', 'b', 'd')), join(root, 'a', 'b', 'd'));
  assert.equal(await makeDirectory(join(root, 'a', 'b')), undefined);
  symlinkSync('a', join(root, 'link'));
  assert.equal(await makeDirectory(join(root, 'link')), undefined);
  assert.equal(await makeDirectory('/'), undefined);
});

it('is refused by a file on the way, and makes nothing then', async (t) => {
  const root = tempDirectory(t);
  writeFileSync(join(root, 'file'), '');
  mkdirSync(join(root, 'a'));
  await assert.rejects(makeDirectory(join(root, 'file')), { code: 'ENOTDIR' });
  await assert.rejects(makeDirectory(join(root, 'file', 'b', 'c')), { code: 'ENOTDIR' });
  await assert.rejects(makeDirectory(join(root, 'a', 'x'.repeat(300), 'c')), { code: 'ENAMETOOLONG' });
});

it('ends where the system makes no directories', { skip: !existsSync('/proc/self') }, async () => {
  await assert.rejects(makeDirectory('/proc/pillion-models'), { code: 'ENOENT' });
  await assert.rejects(makeDirectory('/proc/pillion-models/churn'), { code: 'ENOENT' });
});
