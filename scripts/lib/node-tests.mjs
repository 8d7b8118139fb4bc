/** Compiled test files, and Node's own runner on them. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { root, say } from './setup.mjs';
import { COUNTS_VARIABLE, countsOfTap, tellCounts } from './suite-runs/counts.mjs';

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

/**
 * Runs them by `node`, with options of its own, and tells how many tests passed. Returns 0 if all do.
 * @param {{options?: string[], env?: object, node?: string, within?: string[]}} settings `within` are the first words of a
 *     command that starts node
 */
export function statusOfTestFiles(files, { options = [], env = {}, node = process.execPath, within = [] } = {}) {
  say(`Running ${files.length} test file${files.length === 1 ? '' : 's'}`);
  const paths = files.map((path) => join('build', 'test', path));
  const counts = process.env[COUNTS_VARIABLE];
  const tap = counts === undefined ? undefined : `${counts}.tap`;
  const [command, ...words] = [
    ...within,
    node,
    '--enable-source-maps',
    '--test',
    ...reporters(tap),
    ...options,
    ...paths,
  ];
  const { status } = spawnSync(command, words, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (tap !== undefined && existsSync(tap)) {
    tellCounts(countsOfTap(readFileSync(tap, 'utf8')));
    rmSync(tap);
  }
  return status ?? 1;
}

/** For people, and a file for those who count. */
function reporters(tap) {
  const spec = ['--test-reporter=spec', '--test-reporter-destination=stdout'];
  return tap === undefined ? spec : [...spec, '--test-reporter=tap', `--test-reporter-destination=${tap}`];
}
