/**
 * npm test: sets up what is missing, compiles, runs every test. `npm test -- scheduler` runs the files whose path holds
 * "scheduler".
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuiltForTests, ensurePython, root, say } from './lib/setup.mjs';
import { ensureTfjsNatives, unsupportedPlatform } from './lib/tfjs-natives.mjs';

ensureBuiltForTests();
const clientPython = ensurePython('clients', 'test/clients/requirements.txt');

/** Beside the other things that are fetched for this checkout: `npm test` leaves the user's own cache alone. */
const natives = join(root, '.cache', 'natives');
const needsTfjs = (path) => path.includes('tfjs');

const filters = process.argv.slice(2);
let files = readdirSync(join(root, 'build', 'test'), { recursive: true })
  .filter((path) => path.endsWith('.test.js'))
  .map((path) => join('build', 'test', path))
  .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${filters.join(' ')}`);
  process.exit(1);
}
if (files.some(needsTfjs)) {
  const lacking = unsupportedPlatform();
  if (lacking === undefined) await ensureTfjsNatives(natives);
  else {
    console.error(`! the tests of backend tfjs are left out: TensorFlow's libraries want ${lacking}`);
    files = files.filter((path) => !needsTfjs(path));
  }
}
say(`Running ${files.length} test files`);
const { status } = spawnSync(process.execPath, ['--enable-source-maps', '--test', '--test-reporter=spec', ...files], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PILLION_TEST_PYTHON: clientPython, PILLION_NATIVES_DIRECTORY: natives },
});
process.exit(status ?? 1);
