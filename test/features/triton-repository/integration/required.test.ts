/** A CommonJS application loads the package by `require`, and makes a server of a model repository in the same turn. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';
import { TritonRepository } from '../../../support/triton-repository.ts';

const PROGRAM = `
  const { createApp } = require(process.argv[1]);
  createApp({ model_repository: process.argv[2], log_level: 'silent' }, {}).drain().then(() => console.log('made'));`;

test('a required package lists the models of a repository at once', (t) => {
  const { directory } = new TritonRepository(t);
  const api = new URL('../../../../src/api/pillion.js', import.meta.url).pathname;
  const args = ['--input-type=commonjs', '--eval', PROGRAM, api, directory];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(stdout, 'made\n', stderr);
});
