/** Records a run of a suite when this process ends, and lists the recorded ones. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { root, say } from '../setup.mjs';
import { USAGE_STATUS } from '../words.mjs';
import { COUNTS_VARIABLE, readCounts } from './counts.mjs';
import { stateOf, workTree } from './due.mjs';
import { PAGE_FILE, renderPage, renderStates } from './render.mjs';
import { keepLast, RUNS_FILE, readRuns, writeRuns } from './suite-runs.mjs';
import { pathspecsOf, TESTED_PATHS } from './tested-paths.mjs';

/**
 * Call it before the suite begins: the state that it tests is that of now. A signal that ends this process leaves no
 * line, and neither does a suite of which nothing was run, as it was called wrongly or lacks a program. `directory` is
 * that of the work tree.
 */
export function recordRun(suite, words, directory = root) {
  const tree = workTree(directory);
  const commit = tree.head();
  if (commit === undefined) {
    console.error('! this run is not recorded: git knows no commit here');
    return;
  }
  const begun = {
    suite,
    ...(words.length > 0 && { part: words.join(' ') }),
    commit,
    ...(tree.hasChanges(pathspecsOf(suite)) && { dirty: true }),
    date: new Date().toISOString(),
    node: process.versions.node,
  };
  const scratch = mkdtempSync(join(tmpdir(), 'pillion-suite-'));
  const counts = join(scratch, 'counts');
  process.env[COUNTS_VARIABLE] = counts;
  const start = performance.now();
  // Suites end this process where they find a failure, however deep they are.
  process.once('exit', (exit) => {
    try {
      const ended = { counts: readCounts(counts), exit, ms: performance.now() - start };
      if (exit !== USAGE_STATUS) addRun(directory, begun, ended);
    } catch (error) {
      console.error(`! this run is not recorded: ${error.message}`);
    }
    rmSync(scratch, { recursive: true, force: true });
  });
}

function addRun(directory, begun, { counts, exit, ms }) {
  if (counts === undefined) {
    console.error('! this run is not recorded: no test of it has run');
    return;
  }
  const { passed, of, skipped } = counts;
  const seconds = Math.round(ms / 1000);
  const run = { ...begun, seconds, passed, of, ...(skipped > 0 && { skipped }), ...(exit !== 0 && { exit }) };
  const file = join(directory, RUNS_FILE);
  const runs = keepLast([...readRuns(file), run]);
  writeRuns(file, runs);
  const page = join(directory, PAGE_FILE);
  mkdirSync(dirname(page), { recursive: true });
  writeFileSync(page, renderPage(runs, Object.keys(TESTED_PATHS)));
  say(`Recorded in ${RUNS_FILE}: ${passed} of ${of} passed`);
}

/** npm test -- suites */
export function showSuites() {
  const tree = workTree(root);
  const runs = readRuns(join(root, RUNS_FILE));
  const states = Object.keys(TESTED_PATHS).map((suite) => [suite, stateOf(suite, runs, pathspecsOf(suite), tree)]);
  console.log(renderStates(states));
}
