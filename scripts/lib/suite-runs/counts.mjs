/**
 * How many tests of a suite have passed. Whatever of it counts, in whichever process, adds a line to the file that this
 * variable names, and nothing where no run is recorded.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import process from 'node:process';

/** Names the file. */
export const COUNTS_VARIABLE = 'PILLION_SUITE_COUNTS';

/** Adds to the counts of the suite that runs. @param {{passed: number, of: number, skipped?: number}} counts */
export function tellCounts(counts) {
  const file = process.env[COUNTS_VARIABLE];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(counts)}\n`);
}

/** The sum of what was told; undefined if nothing was, as when a suite could not be prepared. */
export function readCounts(file) {
  if (!existsSync(file)) return undefined;
  const told = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const sum = (name) => told.reduce((total, { [name]: count = 0 }) => total + count, 0);
  return { passed: sum('passed'), of: sum('of'), skipped: sum('skipped') };
}

/**
 * The counts at the end of what Node's reporter `tap` writes, which are the numbers that `spec` prints. A run that was
 * broken off has no such end: none of none.
 */
export function countsOfTap(text) {
  // A test may print such a line too: the reporter's is the last.
  const last = (name) => Number([...text.matchAll(new RegExp(`^# ${name} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0);
  if (!/^# duration_ms /m.test(text)) return { passed: 0, of: 0 };
  return { passed: last('pass'), of: last('tests'), skipped: last('skipped') };
}
