/**
 * npm run bench -- overload: who answers in time when more is asked than can be done.
 *
 *   node build/bench/overload/overload.js MODELS_DIRECTORY [options of options.ts]
 *
 * Writes every round as JSON, prints the tables with what must be shown and by how much it is or is not, and, for a whole
 * run, docs/overload.md with its plots. Compare only figures of one run. Ends well whether or not all is met.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { describeMachine } from '../support/machine.ts';
import { HELP, type OverloadOptions, readOptions } from './options.ts';
import { renderDocument, renderTables } from './render.ts';
import { forJson, type Results, revive } from './results.ts';
import { type ModelRow, rowOf } from './rows.ts';
import { runTournament } from './tournament.ts';
import type { Workload } from './workload.ts';

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
    process.once(name, () => controller.abort(new Error(`${name}: the servers are stopped, nothing is written`)));
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

async function compete(options: OverloadOptions, models: string): Promise<Results> {
  const begun = new Date().toISOString();
  const { workloads, contestants, isWanted, rounds, seconds, seed } = options;
  const outcome = await runTournament(workloads, {
    keepsDisturbed: options.quick,
    ...{ contestants, isWanted, rounds, seconds, seed, models, progress, notice },
    rows: await rowsOf(workloads, models),
    help: execFileSync(process.execPath, ['dist/main.js', 'serve', '--help'], { encoding: 'utf8' }),
    warmUpMs: WARM_UP_MS,
    leadInMs: LEAD_IN_MS,
    signal: interrupted(),
  });
  if (isTerminal) process.stderr.write('\r\u001b[K');
  return {
    machine: describeMachine(),
    startedAt: begun,
    roundsWanted: rounds,
    workloads: workloads.map(({ name, text }) => ({ name, text })),
    ...outcome,
  };
}

/** A line a round, so that a difference between two runs can be read. */
function writeResults(path: string, { rounds, ...head }: Results): void {
  const lines = rounds.map((round) => `  ${JSON.stringify(round, forJson)}`).join(',\n');
  const text = JSON.stringify(head, forJson, 1).replace(/\n\}$/, `,\n "rounds": [\n${lines}\n ]\n}\n`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Always from the file, so that --render changes nothing that was not changed. */
function readResults(path: string): Results {
  return JSON.parse(readFileSync(path, 'utf8'), revive) as Results;
}

async function main(): Promise<void> {
  const [models, ...args] = process.argv.slice(2);
  const options = readOptions(args);
  if (options.help) {
    console.log(HELP);
    return;
  }
  if (options.render) {
    renderDocument(readResults(PUBLISHED), DOCS);
    return;
  }
  const path = options.publish ? PUBLISHED : UNPUBLISHED;
  writeResults(path, await compete(options, models!));
  if (options.publish) renderDocument(readResults(path), DOCS);
  console.log(`${renderTables(readResults(path))}\n\nEvery round is in ${path}.`);
}

try {
  await main();
} catch (error) {
  // A wrong option or an interruption: the text says it all.
  console.error((error as Error).message);
  process.exitCode = 1;
}
