/** src/gen/ must match proto/. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';

test('src/gen/proto-descriptors.ts is up to date with proto/', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/gen.mjs', 'proto', '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});
