/** The tests that `npm test` runs when it is given no suite's name. */
import { join } from 'node:path';
import { runTestFiles } from './node-tests.mjs';
import { ensurePython, root } from './setup.mjs';
import { ensureTfjsNatives, unsupportedPlatform } from './tfjs-natives.mjs';

/** Beside the other things that are fetched for this checkout: the user's own cache is left alone. */
export const NATIVES = join(root, '.cache', 'natives');
/** Of one file, also on a busy machine: one that never ends is a failure, and no reason to wait without end. */
const FILE_TIMEOUT_MS = 1_200_000;
const needsTfjs = (path) => path.includes('tfjs');

/** Prepares what they need and runs them. Where TensorFlow's libraries cannot be, their tests are left out, said so. */
export async function runUsualTests(files, { options = [], env = {} } = {}) {
  const python = ensurePython('clients', 'test/clients/requirements.txt');
  let left = files;
  if (files.some(needsTfjs)) {
    const lacking = await unsupportedPlatform();
    if (lacking === undefined) await ensureTfjsNatives(NATIVES);
    else {
      console.error(`! the tests of backend tfjs are left out: TensorFlow's libraries want ${lacking}`);
      left = files.filter((path) => !needsTfjs(path));
    }
  }
  runTestFiles(left, {
    options: [`--test-timeout=${FILE_TIMEOUT_MS}`, ...options],
    env: { PILLION_TEST_PYTHON: python, PILLION_NATIVES_DIRECTORY: NATIVES, ...env },
  });
}
