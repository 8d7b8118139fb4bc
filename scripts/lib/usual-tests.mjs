/**
 * The tests that `npm test` runs when it is given no suite's name: a core of a few minutes, all of them, or those that
 * it is told.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { statusOfTestFiles } from './node-tests.mjs';
import { ensurePython, root } from './setup.mjs';
import { ensureTfjsNatives, unsupportedPlatform } from './tfjs-natives.mjs';

/** The libraries lie beside the other things that are fetched for this checkout: the user's own cache is left alone. */
export const NATIVES = join(root, '.cache', 'natives');
/**
 * The timeout of one process, also on a busy machine: one that never ends is a failure, and no reason to wait without
 * end.
 */
const FILE_TIMEOUT_MS = 1_200_000;
/** Unit tests of a folder share a process: most of what a file takes alone is loading what its neighbours load, too. */
const groupOf = (path) => /^(unit\/[^/]+)\/|^(features)\/[^/]+\/(?!integration\/)/.exec(path)?.slice(1).find(Boolean);
const sourceOf = (path) => readFileSync(join(root, 'build', 'test', path), 'utf8');
const needsTfjs = (path) => path.includes('tfjs');
const needsPython = (path) => sourceOf(path).includes(PYTHON);
const PYTHON = 'PILLION_TEST_PYTHON';
/** The values and rules of each part, the contracts, and requests over each surface. */
const CORE =
  /^(unit|property|contract|fuzz)\/|^features\/[^/]+\/(?!integration\/)|(^|\/)integration\/((grpc|rest|open-inference|http2|fronting)-|features-without)/;

/** They keep a model busy, wait for time to pass, move much memory, or are a contract once more in another form. */
const SLOW = /(^|\/)(contract|integration)\/.*(busy|chaos|drain|huge|large|pace|public|survivors)/;
/** A server in a process of its own takes a second to start and to end, on one core more. */
const startsServers = (path) => path.includes('integration/') && /startSidecar|runPillion/.test(sourceOf(path));

/** Those of the files that need no more than npm's packages and show most of what a change can break. */
export function coreFiles(files) {
  const isLeft = (path) => SLOW.test(path) || needsTfjs(path) || needsPython(path) || startsServers(path);
  return files.filter((path) => CORE.test(path) && !isLeft(path));
}

/** Runs the core on all cores, and says what it has left out. Ends this process if a test fails. */
export function runCoreTests(files) {
  const core = coreFiles(files);
  const status = statusOn(availableParallelism(), core, { PILLION_TEST_QUICK: '1' });
  console.log(`
These were ${core.length} of ${files.length} test files: every unit, the properties, the contracts of runtimes and surfaces without
their slow parts, and requests over gRPC, REST, HTTP/2 and to an application behind. npm test -- all runs the other
${files.length - core.length} as well: servers, commands and models in processes, files, drains, overload, TensorFlow's libraries, Python's
clients.`);
  if (status !== 0) process.exit(status);
}

/**
 * Prepares what they need and runs them on all cores, one process more than there are: much of their time they wait for
 * servers to start, to drain, to end. A test that keeps a time of day has to bear others beside it. If TensorFlow's libraries
 * cannot be had, their tests are left out, and it says so. Ends this process if a test fails.
 */
export async function runUsualTests(files, env = {}) {
  const python = files.some(needsPython) ? ensurePython('clients', 'test/clients/requirements.txt') : undefined;
  const left = await withoutUnsupported(files);
  const all = { ...(python && { [PYTHON]: python }), ...env };
  const status = statusOn(availableParallelism() + 1, left, all);
  if (status !== 0) process.exit(status);
}

/** 0 if all pass, or there is none. */
function statusOn(processes, files, more) {
  const env = { PILLION_NATIVES_DIRECTORY: NATIVES, ...more };
  const options = [`--test-timeout=${FILE_TIMEOUT_MS}`, `--test-concurrency=${processes}`];
  return files.length === 0 ? 0 : statusOfTestFiles(files, { options, env, groupOf });
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
