/** Compiled test files, and Node's own runner on them. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { root, say } from './setup.mjs';

/**
 * Paths below build/test of the files with that ending, such as `.test.js`. A compiled file whose source is gone is
 * none.
 */
export function testFiles(ending) {
  return readdirSync(join(root, 'build', 'test'), { recursive: true })
    .filter((path) => path.endsWith(ending) && existsSync(join(root, 'test', path.replace(/\.js$/, '.ts'))))
    .sort();
}

/** Those whose path holds one of the words; all without words. Also the words that no path holds. */
export function chooseFiles(files, words) {
  return {
    chosen: words.length === 0 ? files : files.filter((path) => words.some((word) => path.includes(word))),
    unknown: words.filter((word) => !files.some((path) => path.includes(word))),
  };
}

/** Runs them, with options of node's. Ends this process if a test fails. */
export function runTestFiles(files, settings) {
  const status = statusOfTestFiles(files, settings);
  if (status !== 0) process.exit(status);
}

/** Runs them by `node`, with options of its own. Returns 0 if all tests pass. */
export function statusOfTestFiles(files, { options = [], env = {}, node = process.execPath } = {}) {
  say(`Running ${files.length} test file${files.length === 1 ? '' : 's'}`);
  const paths = files.map((path) => join('build', 'test', path));
  const { status } = spawnSync(node, ['--enable-source-maps', '--test', '--test-reporter=spec', ...options, ...paths], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  return status ?? 1;
}
