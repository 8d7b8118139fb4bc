/** npm run test:metrics: sets up what is missing, compiles, lets promtool and the parser of OpenMetrics judge the metrics. */
import { join } from 'node:path';
import process from 'node:process';
import { ensureDebianProgram } from './lib/debian-program.mjs';
import { ensureBuiltForTests, ensurePython, root, run } from './lib/setup.mjs';

const prometheus = ensureDebianProgram('prometheus', 'usr/bin/promtool', 19);
const python = ensurePython('metrics', 'test/metrics/requirements.txt');
ensureBuiltForTests();
run(
  process.execPath,
  ['--enable-source-maps', '--test', '--test-reporter=spec', join(root, 'build/test/metrics/metrics-page.lint.js')],
  {
    env: {
      ...process.env,
      PILLION_TEST_PYTHON: python,
      PILLION_TEST_PROMTOOL: join(prometheus, 'usr', 'bin', 'promtool'),
    },
  },
);
