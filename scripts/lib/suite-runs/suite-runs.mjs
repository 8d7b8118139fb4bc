/**
 * The recorded runs of suites: test/results/suites.jsonl, a run a line. `part` are the words that were given after the
 * suite's name, `exit` is its status where that is not 0.
 *
 * @typedef {{suite: string, part?: string, commit: string, dirty?: true, date: string, node: string, seconds: number,
 *   passed: number, of: number, skipped?: number, exit?: number}} SuiteRun
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** The place of the runs in the tree. */
export const RUNS_FILE = 'test/results/suites.jsonl';

/** @returns {SuiteRun[]} */
export function readRuns(file) {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.flatMap((line, index) => (line === '' ? [] : [parse(line, `${file}:${index + 1}`)]));
}

function parse(line, place) {
  try {
    return JSON.parse(line);
  } catch {
    throw new Error(`${place} is no JSON: ${line}; after a merge, keep the lines of both sides`);
  }
}

/** @param {SuiteRun[]} runs */
export function writeRuns(file, runs) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, runs.map((run) => `${JSON.stringify(run)}\n`).join(''));
}

/** Nothing has passed if nothing was tested. */
export const hasPassed = ({ exit, passed }) => exit === undefined && passed > 0;

/**
 * The runs of one suite: its last one that passed whole, its last whole one, its last one of a part; each may be
 * undefined.
 */
export function lastRuns(runs, suite) {
  const own = runs.filter((run) => run.suite === suite).sort((a, b) => a.date.localeCompare(b.date));
  const whole = own.filter(({ part }) => part === undefined);
  return { pass: whole.findLast(hasPassed), whole: whole.at(-1), part: own.findLast(({ part }) => part !== undefined) };
}

/** Those that still say something, in an order in which a new run changes a line or two. */
export function keepLast(runs) {
  const suites = [...new Set(runs.map(({ suite }) => suite))].sort();
  return suites.flatMap((suite) => {
    const { pass, whole, part } = lastRuns(runs, suite);
    return [...new Set([pass, whole, part])].filter((run) => run !== undefined);
  });
}
