/**
 * npm test: sets up what is missing, compiles, runs every test. `npm test -- scheduler` runs the files whose path holds
 * "scheduler".
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuiltForTests, ensurePython, root, say } from './lib/setup.mjs';

ensureBuiltForTests();
const clientPython = ensurePython('clients', 'test/clients/requirements.txt');

const filters = process.argv.slice(2);
const files = readdirSync(join(root, 'build', 'test'), { recursive: true })
  .filter((path) => path.endsWith('.test.js'))
  .map((path) => join('build', 'test', path))
  .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${filters.join(' ')}`);
  process.exit(1);
}
say(`Running ${files.length} test files`);
const { status } = spawnSync(process.execPath, ['--enable-source-maps', '--test', '--test-reporter=spec', ...files], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PILLION_TEST_PYTHON: clientPython },
});
process.exit(status ?? 1);
