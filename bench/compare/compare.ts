/**
 * npm run bench -- compare: Pillion beside other servers, on the same machine, with the same model and the same load.
 *
 *   node build/bench/compare/compare.js MODELS_DIRECTORY [options of options.ts]
 *
 * Writes every round as JSON, prints the tables and, for a whole run, docs/results/benchmarks.md with its plots.
 * Compare only figures of one run.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { describeMachine } from '../support/machine.ts';
import { endProgress, interrupted, notice, progress } from '../support/progress.ts';
import { CONTESTANTS } from './contestants.ts';
import { type CompareOptions, HELP, readOptions } from './options.ts';
import { renderDocument, renderTables } from './render.ts';
import type { Results } from './results.ts';
import { type Outcome, runTournament } from './tournament.ts';

const PUBLISHED = join('bench', 'results', 'compare.json');
const UNPUBLISHED = join('.cache', 'bench', 'compare.json');
const WITH_BURNER = join('.cache', 'bench', 'compare-burner.json');
const DOCS = 'docs/results';
/** A time longer than any run. */
const BURN_SECONDS = 3600;

/** First pin of a requirements file: the server itself. */
function versionsOf(names: ReadonlySet<string>): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const { name, peer } of CONTESTANTS) {
    if (!names.has(name) || peer === undefined) continue;
    const requirements = readFileSync(join('bench', 'compare', 'peers', peer, 'requirements.txt'), 'utf8');
    versions[name] = /^(\S+==\S+)/m.exec(requirements)![1]!.replace('==', ' ');
  }
  return versions;
}

async function compare(options: CompareOptions, models: string): Promise<Results> {
  const { rounds, seconds, plans } = options;
  const begun = new Date().toISOString();
  const outcomes: Outcome[] = [];
  const signal = interrupted(', nothing is written');
  for (const plan of plans) {
    outcomes.push(await runTournament(plan, { models, rounds, seconds, progress, notice, signal }));
  }
  endProgress();
  return {
    machine: describeMachine(),
    startedAt: begun,
    roundsWanted: rounds,
    secondsEach: seconds,
    versions: versionsOf(new Set(plans.flatMap(({ peers }) => peers))),
    starts: outcomes.flatMap(({ starts }) => starts),
    incidents: outcomes.flatMap(({ incidents }) => incidents),
    rounds: outcomes.flatMap((outcome) => outcome.rounds),
  };
}

/** A line a round, so that a difference between two runs can be read. */
function writeResults(path: string, { rounds, ...head }: Results): void {
  const lines = rounds.map((round) => `  ${JSON.stringify(round, rounded)}`).join(',\n');
  const text = JSON.stringify(head, rounded, 1).replace(/\n\}$/, `,\n "rounds": [\n${lines}\n ]\n}\n`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Always from the file, so that --render changes nothing that was not changed. */
function renderPublished(): void {
  renderDocument(JSON.parse(readFileSync(PUBLISHED, 'utf8')) as Results, DOCS);
}

/** Four places are more than two runs agree on. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value;
}

/** A process that wants one whole core. Returns what ends it. */
function startBurner(): () => void {
  const burner = spawn(process.execPath, [join('build', 'bench', 'attacks', 'burner.js'), '1', String(BURN_SECONDS)], {
    stdio: 'ignore',
  });
  const end = (): void => void burner.kill('SIGKILL');
  process.once('exit', end);
  return end;
}

async function main(): Promise<void> {
  const [models, ...args] = process.argv.slice(2);
  const options = readOptions(args);
  if (options.help) {
    console.log(HELP);
    return;
  }
  if (options.render) {
    renderPublished();
    return;
  }
  const endBurner = options.burner ? startBurner() : undefined;
  const results = await compare(options, models!).finally(() => endBurner?.());
  const path = options.publish ? PUBLISHED : options.burner ? WITH_BURNER : UNPUBLISHED;
  writeResults(path, results);
  if (options.publish) renderPublished();
  console.log(`${renderTables(results)}\nEvery round is in ${path}.`);
}

try {
  await main();
} catch (error) {
  // A wrong option or an interruption: the text says it all.
  console.error((error as Error).message);
  process.exitCode = 1;
}
