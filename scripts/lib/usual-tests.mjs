/** The tests that `npm test` runs when it is given no suite's name. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { statusOfTestFiles } from './node-tests.mjs';
import { ensurePython, root } from './setup.mjs';
import { ensureTfjsNatives, unsupportedPlatform } from './tfjs-natives.mjs';

/** Beside the other things that are fetched for this checkout: the user's own cache is left alone. */
export const NATIVES = join(root, '.cache', 'natives');
/** Of one file, also on a busy machine: one that never ends is a failure, and no reason to wait without end. */
const FILE_TIMEOUT_MS = 1_200_000;
/** None of these keeps a time of day: of contract, those of backends, which wait for their workers' answers alone. */
const isTimeless = (path) => /^(unit|property|contract\/(?!surface|access))\b/.test(path);
const needsTfjs = (path) => path.includes('tfjs');

/**
 * Prepares what they need and runs them: those without a time of day on all cores, the others with a core left free. Where
 * TensorFlow's libraries cannot be, their tests are left out, said so. Ends this process if a test fails.
 */
export async function runUsualTests(files, env = {}) {
  const python = ensurePython('clients', 'test/clients/requirements.txt');
  const left = await withoutUnsupported(files);
  const run = (chosen, ...options) =>
    chosen.length === 0
      ? 0
      : statusOfTestFiles(chosen, {
          options: [`--test-timeout=${FILE_TIMEOUT_MS}`, ...options],
          env: { PILLION_TEST_PYTHON: python, PILLION_NATIVES_DIRECTORY: NATIVES, ...env },
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
