/** The results of a run, and the file that pins what it is measured against. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Machine } from '../support/machine.ts';
import type { Sample } from './figures.ts';
import type { Verdict } from './judge.ts';
import type { PlanName } from './options.ts';

export const PINNED_FILE = join('bench', 'ratchet', 'pinned.json');
export const RESULTS_FILE = join('bench', 'results', 'ratchet.json');
/** The results of a run with options. */
export const UNPUBLISHED_FILE = join('.cache', 'bench', 'ratchet.json');

/** The revision that was measured: a commit, and whether the product's files had changes on top. */
export interface Revision {
  readonly commit: string;
  readonly isChanged: boolean;
}

export interface Best {
  readonly ratio: number;
  /** The commit at which it was reached. */
  readonly commit: string;
  /** YYYY-MM-DD. */
  readonly date: string;
}

export interface Pinned {
  readonly commit: string;
  /** The best ratios by the key of the figure. */
  readonly bests: Readonly<Record<string, Best>>;
}

export interface Run {
  readonly plan: PlanName;
  readonly machine: Machine;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly minutes: number;
  readonly here: Revision;
  readonly pinned: string;
  readonly starts: number;
  readonly seconds: number;
  /** Works that were measured at as many starts more, since one of their figures failed. */
  readonly repeated: readonly string[];
  /** Measurements that failed, and why. */
  readonly incidents: readonly string[];
  /** The best ratios before the run. */
  readonly bests: Readonly<Record<string, number>>;
  readonly samples: readonly Sample[];
}

/** The newest run of each plan. */
export type Results = Partial<Readonly<Record<PlanName, Run>>>;

export function readPinned(): Pinned {
  return JSON.parse(readFileSync(PINNED_FILE, 'utf8')) as Pinned;
}

/** Adds the figures that are new or better than ever. */
export function withNewBests(pinned: Pinned, verdicts: readonly Verdict[], { here, startedAt }: Run): Pinned {
  const news = verdicts
    .filter(({ state }) => state === 'first' || state === 'new best')
    .map(({ key, ratio }): [string, Best] => [
      key,
      { ratio: rounded(ratio), commit: nameOf(here), date: startedAt.slice(0, 10) },
    ]);
  return { ...pinned, bests: { ...pinned.bests, ...Object.fromEntries(news) } };
}

export function writePinned(pinned: Pinned): void {
  writeFileSync(PINNED_FILE, `${JSON.stringify(pinned, undefined, 2)}\n`);
}

export function nameOf({ commit, isChanged }: Revision): string {
  return `${commit.slice(0, 8)}${isChanged ? ' with changes' : ''}`;
}

export function readResults(): Results {
  return existsSync(RESULTS_FILE) ? (JSON.parse(readFileSync(RESULTS_FILE, 'utf8')) as Results) : {};
}

/** A line a sample, so that a difference between two runs can be read. */
export function writeResults(file: string, results: Results): void {
  const runs = Object.entries(results).map(([plan, { samples, ...head }]) => {
    const lines = samples.map((sample) => `  ${JSON.stringify(sample, (_key, value: unknown) => roundedValue(value))}`);
    const text = JSON.stringify(head, undefined, 1).replace(/\n\}$/, `,\n "samples": [\n${lines.join(',\n')}\n ]\n}`);
    return `${JSON.stringify(plan)}: ${text}`;
  });
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `{\n${runs.join(',\n')}\n}\n`);
}

function roundedValue(value: unknown): unknown {
  return typeof value === 'number' ? rounded(value) : value;
}

/** Four places are more than two runs agree on. */
function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
