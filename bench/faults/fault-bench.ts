/**
 * npm test -- faults [WORD…]: injects every fault of the table into a real server, beside a good neighbour, and says
 * what became of its requests.
 *
 *   node build/bench/faults/fault-bench.js [WORD…]      WORD chooses the faults whose name holds it
 *
 * Prints a table, and writes bench/results/faults.json if all faults were chosen. Ends with 1 if anything was not as
 * expected, at the latest after ten minutes. It must run in the root of the repository.
 */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { describeMachine } from '../support/machine.ts';
import { processTree } from '../support/process-tree.ts';
import { END_FAULTS } from './end-faults.ts';
import type { FaultResult } from './fault.ts';
import { FILE_FAULTS } from './file-faults.ts';
import { MACHINE_FAULTS } from './machine-faults.ts';
import { PROCESS_FAULTS } from './process-faults.ts';
import { faultTable } from './render.ts';
import { runFault } from './run-fault.ts';

const MOST_MS = 590_000;
const TABLE = [...PROCESS_FAULTS, ...FILE_FAULTS, ...MACHINE_FAULTS, ...END_FAULTS];

const words = process.argv.slice(2);
const chosen = TABLE.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
if (chosen.length === 0) {
  console.error(`No fault has such a name. There are:\n${TABLE.map(({ name }) => `  ${name}`).join('\n')}`);
  process.exit(64);
}

setTimeout(() => {
  console.error('The faults took too long; everything that they started is ended.');
  for (const pid of processTree(process.pid).slice(1)) process.kill(pid, 'SIGKILL');
  process.exit(1);
}, MOST_MS).unref();

const results: FaultResult[] = [];
for (const fault of chosen) {
  const result = await runFault(fault);
  results.push(result);
  const verdict = result.skipped ?? (result.problems.length === 0 ? 'as expected' : result.problems.join('; '));
  console.error(`${fault.name}: ${verdict}`);
}
console.log(faultTable(results));
if (words.length === 0) {
  const text = JSON.stringify({ machine: describeMachine(), faults: results }, null, 2);
  writeFileSync('bench/results/faults.json', `${text}\n`);
}
const bad = results.filter(({ problems }) => problems.length > 0).length;
const skipped = results.filter((each) => each.skipped !== undefined).length;
const { tellCounts } = await import(pathToFileURL(resolve('scripts/lib/suite-runs/counts.mjs')).href);
tellCounts({ passed: results.length - bad - skipped, of: results.length, skipped });
process.exitCode = bad > 0 ? 1 : 0;
