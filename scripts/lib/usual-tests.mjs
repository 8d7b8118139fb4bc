/**
 * The tests that `npm test` runs when it is given no suite's name: a core of a few minutes, all of them, or those that it
 * is told.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { statusOfTestFiles } from './node-tests.mjs';
import { ensurePython, root } from './setup.mjs';
import { ensureTfjsNatives, unsupportedPlatform } from './tfjs-natives.mjs';

/** Beside the other things that are fetched for this checkout: the user's own cache is left alone. */
export const NATIVES = join(root, '.cache', 'natives');
/** Of one process, also on a busy machine: one that never ends is a failure, and no reason to wait without end. */
const FILE_TIMEOUT_MS = 1_200_000;
/** None of these keeps a time of day: those of backends and hosts wait for their workers' answers alone. */
const isTimeless = (path) =>
  /^(unit|property|features\/[^/]+\/[^/]+$|contract\/(?!surface|access)|integration\/hosts)/.test(path);
/** Unit tests of a folder share a process: most of what a file takes alone is loading what its neighbours load, too. */
const groupOf = (path) => /^(unit\/[^/]+)\/|^(features)\/[^/]+\/[^/]+$/.exec(path)?.slice(1).find(Boolean);
const needsTfjs = (path) => path.includes('tfjs');
const needsPython = (path) => readFileSync(join(root, 'build', 'test', path), 'utf8').includes(PYTHON);
const PYTHON = 'PILLION_TEST_PYTHON';
/** The values and rules of each part, the contracts, and requests over each surface. */
const CORE =
  /^(unit|property|contract|fuzz)\/|^features\/[^/]+\/[^/]+$|^integration\/(grpc|rest|open-inference|http2|fronting)-/;

/** They wait for time to pass, or move much memory. */
const SLOW = /drain|huge|large|pace|survivors/;

/** Of these, what needs no more than npm's packages and shows most of what a change can break. */
export function coreFiles(files) {
  return files.filter((path) => CORE.test(path) && !SLOW.test(path) && !needsTfjs(path) && !needsPython(path));
}

/** Runs the core, and says what it has left out. */
export async function runCoreTests(files) {
  const core = coreFiles(files);
  await runUsualTests(core, { PILLION_TEST_QUICK: '1' });
  const left = files.length - core.length;
  console.log(`
These were ${core.length} of ${files.length} test files: every unit, the properties, the contracts of runtimes and surfaces without
their slow parts, and requests over gRPC, REST, HTTP/2 and to an application behind. npm test -- all runs the other ${left} as
well: commands, files, drains, models in processes, TensorFlow's libraries, Python's clients.`);
}

/**
 * Prepares what they need and runs them: those without a time of day on all cores, the others with a core left free. Where
 * TensorFlow's libraries cannot be, their tests are left out, said so. Ends this process if a test fails.
 */
export async function runUsualTests(files, env = {}) {
  const python = files.some(needsPython) ? ensurePython('clients', 'test/clients/requirements.txt') : undefined;
  const left = await withoutUnsupported(files);
  const run = (chosen, ...options) =>
    chosen.length === 0
      ? 0
      : statusOfTestFiles(chosen, {
          groupOf,
          options: [`--test-timeout=${FILE_TIMEOUT_MS}`, ...options],
          env: { ...(python && { [PYTHON]: python }), PILLION_NATIVES_DIRECTORY: NATIVES, ...env },
        });
  const timeless = run(left.filter(isTimeless), `--test-concurrency=${availableParallelism()}`);
  const timed = run(left.filter((path) => !isTimeless(path)));
  if (timeless !== 0) console.error('\nA test of those that ran first has failed: see above.');
  if (timeless !== 0 || timed !== 0) process.exit(timeless || timed);
}

async function withoutUnsupported(files) {
  if (!files.some(needsTfjs)) return files;
  const lacking = await unsupportedPlatform();
  if (lacking === undefined) {
    await ensureTfjsNatives(NATIVES);
    return files;
  }
  console.error(`! the tests of backend tfjs are left out: TensorFlow's libraries want ${lacking}`);
  return files.filter((path) => !needsTfjs(path));
}
