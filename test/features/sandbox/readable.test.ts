import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { it, type TestContext } from 'node:test';
import { firstUnreadable } from '../../../src/features/sandbox/readable.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const OTHER = { user: 54_321, isWayOpen: true, isDeep: true };

/** a/model may be read by all. */
function tree(t: TestContext): string {
  const directory = tempDirectory(t);
  chmodSync(directory, 0o755);
  mkdirSync(join(directory, 'a'), { mode: 0o755 });
  writeFileSync(join(directory, 'a', 'model'), '', { mode: 0o644 });
  return directory;
}

it('another user can read what is open to all, and its owner what is open to the owner', (t) => {
  const directory = tree(t);
  assert.equal(firstUnreadable([directory], OTHER), undefined);
  const model = join(directory, 'a', 'model');
  chmodSync(model, 0o600);
  assert.equal(firstUnreadable([directory], OTHER), model);
  assert.equal(firstUnreadable([directory], { ...OTHER, isDeep: false }), undefined);
  assert.equal(firstUnreadable([directory], { ...OTHER, user: process.getuid!() }), undefined);
});

it('names a directory that cannot be entered, also one on the way if that counts', (t) => {
  const directory = tree(t);
  const inner = join(directory, 'a');
  chmodSync(inner, 0o744);
  assert.equal(firstUnreadable([directory], OTHER), inner);
  chmodSync(inner, 0o755);
  chmodSync(directory, 0o700);
  assert.equal(firstUnreadable([inner], OTHER), undefined);
  assert.equal(firstUnreadable([inner], { ...OTHER, isWayOpen: false }), directory);
  const model = join(inner, 'model');
  chmodSync(model, 0o600);
  assert.equal(firstUnreadable([inner], { ...OTHER, isWayOpen: false }), model);
});

it('links to nothing and to themselves hide nothing', (t) => {
  const directory = tree(t);
  symlinkSync('nowhere', join(directory, 'broken'));
  symlinkSync('.', join(directory, 'round'));
  symlinkSync('itself', join(directory, 'itself'));
  assert.equal(firstUnreadable([directory], OTHER), undefined);
  assert.equal(firstUnreadable([join(directory, 'no', 'such', 'place')], OTHER), undefined);
});
