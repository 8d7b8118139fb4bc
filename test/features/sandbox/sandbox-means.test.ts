import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import process from 'node:process';
import { it } from 'node:test';
import { findTool } from '../../../src/features/sandbox/sandbox-means.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

it('finds the first program on PATH, never one below the working directory', (t) => {
  const directory = tempDirectory(t);
  const [first, second] = ['first', 'second'].map((name) => join(directory, name)) as [string, string];
  for (const each of [first, second]) {
    mkdirSync(each);
    writeFileSync(join(each, 'bwrap'), '', { mode: 0o755 });
  }
  assert.equal(findTool('bwrap', `${first}:${second}`), join(first, 'bwrap'));
  assert.equal(findTool('bwrap', `${relative(process.cwd(), first)}::.:${second}`), join(second, 'bwrap'));
  chmodSync(join(first, 'bwrap'), 0o644);
  assert.equal(findTool('bwrap', `${first}:${second}`), join(second, 'bwrap'));
  assert.equal(findTool('bwrap', directory), undefined);
});
