/** Suites that are programs of their own. */
import process from 'node:process';
import { ensureBuiltForTests, run } from './setup.mjs';
import { tellCounts } from './suite-runs/counts.mjs';

/** One that tells its counts. Ends this process if it fails. */
export function runProgram(path, args = []) {
  ensureBuiltForTests();
  run(process.execPath, [path, ...args]);
}

/** One that is a single test, by its exit status. */
export function runSingleTest(path, args = []) {
  ensureBuiltForTests();
  // It comes before the listener that records the run, which was added when the suite began.
  process.prependOnceListener('exit', (status) => tellCounts({ passed: status === 0 ? 1 : 0, of: 1 }));
  run(process.execPath, [path, ...args]);
}
