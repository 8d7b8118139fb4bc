/** Compiled test files, and Node's own runner on them. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
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
 * @param {{options?: string[], env?: object, node?: string, within?: string[],
 *     groupOf?: (path: string) => string | undefined}} settings `within` are the first words of a command that
 *     starts node; files of one group share a process
 */
export function statusOfTestFiles(files, settings = {}) {
  const { options = [], env = {}, node = process.execPath, within = [], groupOf = () => undefined } = settings;
  say(`Running ${files.length} test file${files.length === 1 ? '' : 's'}`);
  const paths = inGroups(files, groupOf);
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

/** Node's runner starts a process for each of these: a file, or a module that imports all files of a group. */
function inGroups(files, groupOf) {
  const groups = new Map();
  for (const file of files) {
    const name = groupOf(file) ?? file;
    groups.set(name, [...(groups.get(name) ?? []), file]);
  }
  return [...groups].map(([name, [first, ...others]]) =>
    others.length === 0 ? join('build', 'test', first) : writeGroup(name, [first, ...others]),
  );
}

/** Its path comes before those of single files: the runner sorts them, and what takes long begins first. */
function writeGroup(name, files) {
  const path = join('build', 'test-groups', `${name.replaceAll('/', '-')}.mjs`);
  const urls = files.map((file) => pathToFileURL(join(root, 'build', 'test', file)).href);
  const importer = pathToFileURL(join(root, 'scripts', 'lib', 'import-tests.mjs')).href;
  mkdirSync(join(root, 'build', 'test-groups'), { recursive: true });
  writeFileSync(
    join(root, path),
    `import { importTests } from '${importer}';\n\nawait importTests(${JSON.stringify(urls, null, 2)});\n`,
  );
  return path;
}

/** Reporters for people, and a file for those who count. */
function reporters(tap) {
  const spec = ['--test-reporter=spec', '--test-reporter-destination=stdout'];
  return tap === undefined ? spec : [...spec, '--test-reporter=tap', `--test-reporter-destination=${tap}`];
}
