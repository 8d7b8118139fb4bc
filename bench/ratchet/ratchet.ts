/**
 * npm run bench -- ratchet: this checkout beside a pinned commit, so that losses which are each too small to see do not
 * add up.
 *
 *   PILLION_BENCH_PINNED=CHECKOUT node build/bench/ratchet/ratchet.js MODELS_DIRECTORY [quick|all] [OPTION…]
 *
 * Ends with exit status 1 where a figure fails (judge.ts).
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { describeMachine } from '../support/machine.ts';
import { endProgress, interrupted, notice, progress } from '../support/progress.ts';
import { closedLoopJob } from './closed-loops.ts';
import type { Sample } from './figures.ts';
import type { Job, JobOptions } from './job.ts';
import { judge, type Verdict } from './judge.ts';
import { HELP, type RatchetOptions, readOptions } from './options.ts';
import { overloadJob } from './overloads.ts';
import { MODEL_PLANS, OVERLOADS } from './plan.ts';
import { refusalJob } from './refusals.ts';
import { renderDocument, renderTable, verdictsOf } from './render.ts';
import {
  type Pinned,
  RESULTS_FILE,
  type Revision,
  type Run,
  readPinned,
  readResults,
  UNPUBLISHED_FILE,
  withNewBests,
  writePinned,
  writeResults,
} from './results.ts';
import { startJob } from './starts.ts';

const DOCUMENT = join('docs', 'results', 'ratchet.md');
/** The files that the server is made of. */
const PRODUCT = ['src', 'bin', 'proto', 'package-lock.json', 'scripts/lib/bundle'];

function jobsOf({ plan, only }: RatchetOptions, options: JobOptions): Job[] {
  const isWanted = (name: string): boolean => only.length === 0 || only.some((word) => name.includes(word));
  const models = MODEL_PLANS.map((each) => ({
    ...each,
    works: each.works.filter(({ name, isQuick }) => (plan === 'all' || isQuick === true) && isWanted(name)),
  }));
  const loops = models.filter(({ works }) => works.length > 0).map((each) => closedLoopJob(each, options));
  if (plan === 'quick') return loops;
  const others = [startJob(options), refusalJob(options), ...OVERLOADS.map((name) => overloadJob(name, options))];
  return [...loops, ...others.filter(({ works }) => works.some(isWanted))];
}

type Measured = Pick<Run, 'samples' | 'incidents'>;

/**
 * Start by start over all jobs, so that each figure's starts lie as far apart as the run allows. A start at which a job
 * fails is an incident, and its other starts count.
 */
async function takeStarts(
  jobs: readonly Job[],
  from: number,
  count: number,
  works: readonly string[],
  signal: AbortSignal,
): Promise<Measured> {
  const samples: Sample[] = [];
  const incidents: string[] = [];
  for (let start = from; start < from + count; start++) {
    for (const job of jobs) {
      const own = job.works.filter((work) => works.includes(work));
      if (own.length === 0) continue;
      try {
        samples.push(...(await job.measure(start, own)));
      } catch (error) {
        signal.throwIfAborted();
        notice((error as Error).message);
        incidents.push(`start ${start + 1}: ${(error as Error).message.split('\n')[0]}`);
      }
    }
  }
  return { samples, incidents };
}

async function measure(
  jobs: readonly Job[],
  starts: number,
  bestOf: (key: string) => number | undefined,
  signal: AbortSignal,
): Promise<Measured & Pick<Run, 'repeated'>> {
  const works = jobs.flatMap((job) => job.works);
  const first = await takeStarts(jobs, 0, starts, works, signal);
  if (first.samples.length === 0) throw new Error('nothing could be measured, for the reasons above');
  const failing = judge(first.samples, bestOf).filter(({ state }) => state === 'fails');
  for (const { key, ratio } of failing) notice(`${key} is at ${ratio.toFixed(3)}: once more`);
  const repeated = works.filter((work) => failing.some((verdict) => verdict.work === work));
  const second = await takeStarts(jobs, starts, starts, repeated, signal);
  return {
    samples: [...first.samples, ...second.samples],
    incidents: [...first.incidents, ...second.incidents],
    repeated,
  };
}

function git(args: readonly string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' }).trim();
}

function revisionHere(): Revision {
  return { commit: git(['rev-parse', 'HEAD']), isChanged: git(['status', '--porcelain', '--', ...PRODUCT]) !== '' };
}

async function runRatchet(options: RatchetOptions, models: string, pinned: Pinned): Promise<Run> {
  const directory = process.env['PILLION_BENCH_PINNED'];
  if (directory === undefined) throw new Error('PILLION_BENCH_PINNED has to name a checkout that is built');
  const { plan, starts, seconds, against } = options;
  const startedAt = new Date();
  const head = {
    ...{ plan, machine: describeMachine(), startedAt: startedAt.toISOString(), here: revisionHere() },
    ...{ pinned: git(['-C', directory, 'rev-parse', 'HEAD']), starts, seconds },
  };
  const signal = interrupted(', nothing is written');
  const jobOptions = {
    here: { name: 'here', directory: '.' },
    pinned: { name: 'pinned', directory },
    ...{ models, seconds, progress, notice, signal },
  };
  const jobs = jobsOf(options, jobOptions);
  if (jobs.length === 0) throw new Error(`no work of ${plan} has a name with ${options.only.join(' or ')}`);
  const bestOf = (key: string): number | undefined => (against === undefined ? pinned.bests[key]?.ratio : 1);
  const measured = await measure(jobs, starts, bestOf, signal);
  endProgress();
  const keys = judge(measured.samples, bestOf).map(({ key }) => key);
  const known = keys.flatMap((key): [string, number][] => {
    const best = bestOf(key);
    return best === undefined ? [] : [[key, best]];
  });
  const minutes = Math.round((Date.now() - startedAt.getTime()) / 60_000);
  return { ...head, minutes, bests: Object.fromEntries(known), ...measured };
}

function publish(run: Run, pinned: Pinned, verdicts: readonly Verdict[]): void {
  writePinned(withNewBests(pinned, verdicts, run));
  writeResults(RESULTS_FILE, { ...readResults(), [run.plan]: run });
  render();
}

/** Renders the results of the file, so that --render changes nothing that was not changed. */
function render(): void {
  mkdirSync(dirname(DOCUMENT), { recursive: true });
  writeFileSync(DOCUMENT, renderDocument(readResults()));
}

function conclusionOf(verdicts: readonly Verdict[], incidents: readonly string[]): string {
  const those = (...states: string[]): string[] =>
    verdicts.filter(({ state }) => states.includes(state)).map(({ key, ratio }) => `${key} ${ratio.toFixed(2)}`);
  const lines = [
    ['New best', those('new best')],
    ['Measured for the first time', those('first')],
    ['Fails', those('fails')],
    ['Could not be measured', incidents],
  ] as const;
  return lines.flatMap(([title, list]) => (list.length === 0 ? [] : [`${title}: ${list.join('; ')}`])).join('\n');
}

async function main(): Promise<void> {
  const [models, ...args] = process.argv.slice(2);
  const options = readOptions(args);
  if (options.help) return console.log(HELP);
  if (options.render) return render();
  const pinned = readPinned();
  const run = await runRatchet(options, models!, pinned);
  const verdicts = verdictsOf(run);
  if (options.isPublished) publish(run, pinned, verdicts);
  else writeResults(UNPUBLISHED_FILE, { [run.plan]: run });
  console.log(`${renderTable(verdicts)}\n\n${conclusionOf(verdicts, run.incidents)}`);
  if (run.incidents.length > 0 || verdicts.some(({ state }) => state === 'fails')) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  // A wrong option or an interruption: the text says it all.
  console.error((error as Error).message);
  process.exitCode = 1;
}
