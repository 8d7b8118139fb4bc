/**
 * npm run test:browser: compiles, then looks at the console's pages in a real Chromium. Needs Debian's chromium and
 * fonts-dejavu-core, or another one named by PILLION_TEST_CHROMIUM.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ensureBuiltForTests, root, run, say } from './lib/setup.mjs';

const TEST_TIMEOUT_MS = 120_000;
const chromium = process.env['PILLION_TEST_CHROMIUM'] ?? '/usr/bin/chromium';

if (!existsSync(chromium)) {
  console.error(`no browser at ${chromium}; apt-get install chromium fonts-dejavu-core, or set PILLION_TEST_CHROMIUM`);
  process.exit(1);
}
ensureBuiltForTests();
const files = readdirSync(join(root, 'build', 'test', 'browser'))
  .filter((name) => name.endsWith('.browser.js'))
  .map((name) => join('build', 'test', 'browser', name));
say(`Running ${files.length} test files in ${chromium}`);
run(
  process.execPath,
  ['--enable-source-maps', '--test', '--test-reporter=spec', `--test-timeout=${TEST_TIMEOUT_MS}`, ...files],
  { env: { ...process.env, PILLION_TEST_CHROMIUM: chromium } },
);
