/**
 * npm run test:observability: sets up what is missing, compiles, runs the tests with a real Jaeger, Prometheus and Envoy.
 * Building Jaeger takes some minutes and 2.3 GB of memory the first time.
 */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { ensureDebianProgram } from './lib/debian-program.mjs';
import { ensureGoProgram } from './lib/go-program.mjs';
import { ensureBuiltForTests, ensurePython, root, run, say } from './lib/setup.mjs';

/** Of one file: Envoy, Jaeger and Prometheus look and flush each second or so. */
const TEST_TIMEOUT_MS = 300_000;

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.error('npm run test:observability needs Linux on x86-64: only there Envoy comes as a Python package');
  process.exit(1);
}
const jaeger = ensureGoProgram({
  name: 'jaeger',
  directory: 'test/observability/jaeger',
  main: 'github.com/jaegertracing/jaeger/cmd/jaeger',
  megabytes: 400,
});
if (jaeger === undefined) process.exit(1);
const prometheus = ensureDebianProgram('prometheus', 'usr/bin/promtool', 19);
const python = ensurePython('envoy', 'test/mesh/requirements.txt');
ensureBuiltForTests();
const files = readdirSync(join(root, 'build', 'test', 'observability'))
  .filter((name) => name.endsWith('.observability.js'))
  .map((name) => join('build', 'test', 'observability', name));
say(`Running ${files.length} test files with Jaeger, Prometheus and Envoy`);
run(
  process.execPath,
  [
    ...['--enable-source-maps', '--test', '--test-reporter=spec', '--test-concurrency=1'],
    ...[`--test-timeout=${TEST_TIMEOUT_MS}`, ...files],
  ],
  {
    env: {
      ...process.env,
      PILLION_TEST_ENVOY: join(dirname(python), 'envoy'),
      PILLION_TEST_JAEGER: jaeger,
      PILLION_TEST_PROMETHEUS: join(prometheus, 'usr', 'bin'),
    },
  },
);
