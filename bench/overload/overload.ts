/**
 * npm run bench -- overload: who answers in time when more is asked than can be done.
 *
 *   node build/bench/overload/overload.js MODELS_DIRECTORY [options of options.ts]
 *
 * Writes every round as JSON, prints the tables with what must be shown and by how much it is or is not, and, for a
 * whole run, docs/results/overload.md with its plots. Compare only figures of one run. Ends well whether or not all is
 * met.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { describeMachine } from '../support/machine.ts';
import { endProgress, interrupted, notice, progress } from '../support/progress.ts';
import { readBounds } from './checks.ts';
import { digestsOf, Journal, readResults, writeResults } from './journal.ts';
import { HELP, type OverloadOptions, readOptions } from './options.ts';
import { renderDocument, renderTables } from './render.ts';
import type { Results } from './results.ts';
import { rowsOfModels } from './rows.ts';
import { TimeLeft } from './time-left.ts';
import { runTournament, turnsAhead } from './tournament.ts';
import { standsAboveCapacity } from './workload.ts';

const PUBLISHED = join('bench', 'results', 'overload.json');
const UNPUBLISHED = join('.cache', 'bench', 'overload.json');
const DOCS = 'docs/results';
const LEAD_IN_MS = 500;
const WARM_UP_MS = 1000;

/** A run's head: everything but what is measured. */
function headOf(options: OverloadOptions): Results {
  const { workloads, contestants, rounds, seconds, seed, quick, hasPilot, publish } = options;
  return {
    machine: describeMachine(),
    startedAt: new Date().toISOString(),
    roundsWanted: rounds,
    workloads: workloads.map((workload) => ({
      ...{ name: workload.name, text: workload.text },
      standsAboveCapacity: standsAboveCapacity(workload),
    })),
    incidents: [],
    rounds: [],
    run: {
      ...{ seed, rounds, seconds: seconds ?? null, quick, hasPilot, publish },
      contestants: contestants.map(({ name }) => name),
      workloads: digestsOf(workloads),
    },
  };
}

async function compete(options: OverloadOptions, models: string): Promise<Results> {
  const { workloads, contestants, hasPilot, rounds, seconds, seed } = options;
  const head = headOf(options);
  const journal = options.resume ? Journal.resume(UNPUBLISHED, head) : Journal.begin(UNPUBLISHED, head);
  const ahead = workloads.map((workload) => turnsAhead(workload, journal.results, options));
  await runTournament(workloads, journal, {
    keepsDisturbed: options.quick,
    ...{ contestants, hasPilot, rounds, seconds, seed, models, progress, notice },
    timeLeft: new TimeLeft(ahead, seconds),
    rows: await rowsOfModels(workloads, models),
    help: execFileSync(process.execPath, ['dist/bundle/main.cjs', 'serve', '--help'], { encoding: 'utf8' }),
    warmUpMs: WARM_UP_MS,
    leadInMs: LEAD_IN_MS,
    signal: interrupted('; --resume goes on'),
  });
  endProgress();
  return journal.results;
}

async function main(): Promise<void> {
  const [models, ...args] = process.argv.slice(2);
  const options = readOptions(args);
  if (options.help) {
    console.log(HELP);
    return;
  }
  if (options.render) {
    renderDocument(readResults(PUBLISHED), DOCS, readBounds());
    return;
  }
  const path = options.publish ? PUBLISHED : UNPUBLISHED;
  writeResults(path, await compete(options, models!));
  if (options.publish) renderDocument(readResults(path), DOCS, readBounds());
  console.log(`${renderTables(readResults(path), readBounds())}\n\nEvery round is in ${path}.`);
}

try {
  await main();
} catch (error) {
  // A wrong option or an interruption: the text says it all.
  console.error((error as Error).message);
  process.exitCode = 1;
}
