/**
 * npm run bench -- overload: who answers in time when more is asked than can be done.
 *
 *   node build/bench/overload/overload.js MODELS_DIRECTORY [options of options.ts]
 *
 * Writes every round as JSON, prints the tables with what must be shown and by how much it is or is not, and, for a whole
 * run, docs/overload.md with its plots. Compare only figures of one run. Ends well whether or not all is met.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { describeMachine } from '../support/machine.ts';
import { readBounds } from './checks.ts';
import { digestsOf, Journal, readResults, writeResults } from './journal.ts';
import { HELP, type OverloadOptions, readOptions } from './options.ts';
import { renderDocument, renderTables } from './render.ts';
import type { Results } from './results.ts';
import { type ModelRow, rowOf } from './rows.ts';
import { TimeLeft } from './time-left.ts';
import { runTournament, turnsAhead } from './tournament.ts';
import { standsAboveCapacity, type Workload } from './workload.ts';

const PUBLISHED = join('bench', 'results', 'overload.json');
const UNPUBLISHED = join('.cache', 'bench', 'overload.json');
const DOCS = 'docs';
const LEAD_IN_MS = 500;
const WARM_UP_MS = 1000;

const isTerminal = process.stderr.isTTY;
const startedAt = performance.now();

function progress(text: string): void {
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  process.stderr.write(isTerminal ? `\r\u001b[K${minutes} min · ${text}` : `${minutes} min · ${text}\n`);
}

function notice(text: string): void {
  process.stderr.write(`${isTerminal ? '\r\u001b[K' : ''}! ${text}\n`);
}

/** The servers are children that may be stopped just now: they have to be ended in order. */
function interrupted(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`${name}: the servers are stopped; --resume goes on`)));
  }
  return controller.signal;
}

async function rowsOf(workloads: readonly Workload[], models: string): Promise<Map<string, ModelRow>> {
  const rows = new Map<string, ModelRow>();
  for (const { file } of workloads.flatMap((workload) => workload.models)) {
    if (!rows.has(file)) rows.set(file, await rowOf(join(models, file, '1', 'model.onnx')));
  }
  return rows;
}

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
    rows: await rowsOf(workloads, models),
    help: execFileSync(process.execPath, ['dist/bundle/main.cjs', 'serve', '--help'], { encoding: 'utf8' }),
    warmUpMs: WARM_UP_MS,
    leadInMs: LEAD_IN_MS,
    signal: interrupted(),
  });
  if (isTerminal) process.stderr.write('\r\u001b[K');
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
