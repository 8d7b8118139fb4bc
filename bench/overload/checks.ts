/**
 * The requirements on the scheduler, as a table: wanted, measured, met or by how much not.
 *
 * The baseline of a workload is named before it is measured (baselineOf), so that chance cannot choose it. Two bounds
 * stand beside it and fail nothing: the best of all baselines' means in this run, chosen in hindsight, and what a
 * scheduler could attain that knew all arrivals and run times beforehand (the simulator's), which says where there is
 * room at all.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OURS } from './contestants.ts';
import { contestantsIn, meanOf, type Results, type Round, roundsOf } from './results.ts';
import { standsAboveCapacity, type Workload } from './workload.ts';

export interface Check {
  /** Its name, or "all" of them. */
  readonly workload: string;
  readonly text: string;
  /** The wanted figure in words: "≥ 0.99". */
  readonly wanted: string;
  readonly measured: number;
  /** Undefined: nothing is wanted, the figure is a bound. */
  readonly isMet: boolean | undefined;
  /** How far from what is wanted, in the figure's own unit; negative = missed. NaN: there is no figure. */
  readonly margin: number;
}

/** Attainment that a clairvoyant scheduler reaches, by workload. */
export type Bounds = Readonly<Record<string, number>>;

export const BOUNDS_FILE = join('bench', 'results', 'overload-bounds.json');

/** None if the file is not there. Throws on one that holds anything but numbers by name. */
export function readBounds(file = BOUNDS_FILE): Bounds {
  if (!existsSync(file)) return {};
  const bounds = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const wrong = Object.entries(bounds).find(([, bound]) => typeof bound !== 'number' || !(bound >= 0 && bound <= 1));
  if (wrong !== undefined)
    throw new Error(`${file}: ${wrong[0]} is ${JSON.stringify(wrong[1])}; wanted is an attainment from 0 to 1`);
  return bounds as Bounds;
}

const GREEDY = 'greedy';
const QUEUE_OF_TWO = 'queue-2';
/** The one that median latencies are compared with. */
const QUEUE_OF_TWO_ONE_SLOT = 'queue-2x1';
const LOW_LOAD = 'one-0.3x';
const SATURATED = 'one-2x';

const WANTED = {
  overBaseline: 0.99,
  overBestInMean: 1.05,
  /** Wanted where a fixed queue has no answer: many models, and a caller who takes what the others need. */
  overBaselineByFar: 1.25,
  admitted: 0.995,
  standingP50: 1.2,
  refusalP99Ms: 5,
  lowLoadP50: 1.03,
} as const;

/** A bound this near to the best baseline leaves no room. */
const ROOM = 0.01;
/** The best baseline leaves room below this attainment, if no bound is known. */
const NEARLY_ALL = 0.99;

/**
 * Anybody can configure it who knows nothing of the load but whether it stands above what can be done: a fixed queue of two
 * batches where it does, which answers most there, else greedy batches with room for bursts.
 */
function baselineOf(isStanding: boolean): string {
  return isStanding ? QUEUE_OF_TWO : GREEDY;
}

/** Baselines that a check of this workload needs beside the best. */
export function neededBaselines(workload: Workload): string[] {
  const isStanding = standsAboveCapacity(workload);
  return [baselineOf(isStanding), ...(isStanding ? [QUEUE_OF_TWO_ONE_SLOT] : [])];
}

/** The checks of the workloads that were measured. A figure that is not there is a miss. */
export function checksOf(results: Results, bounds: Bounds = {}): Check[] {
  const names = [...new Set(results.rounds.map(({ workload }) => workload))];
  if (names.length === 0) return [];
  const named = (name: string): string[] => names.filter((each) => each === name);
  const standing = results.workloads.filter((note) => note.standsAboveCapacity === true).map(({ name }) => name);
  const overBaseline = (name: string): Check => {
    const baseline = baselineOf(standing.includes(name));
    return atLeast(name, `attainment ÷ ${baseline}`, overOne(results, name, baseline), wantedOver(name));
  };
  return [
    ...names.map(overBaseline),
    ...names.map((name) => bound(name, 'attainment ÷ best in hindsight', overBest(results, name))),
    meanCheck(results, names, bounds),
    ...names.map((name) => atLeast(name, 'in time ÷ admitted', ofOurs(results, name, admittedInTime), WANTED.admitted)),
    ...names
      .filter((name) => standing.includes(name))
      .map((name) =>
        atMost(name, 'p50 ÷ fixed queue of 2', p50Over(results, name, QUEUE_OF_TWO_ONE_SLOT), WANTED.standingP50),
      ),
    ...named(SATURATED).flatMap((name) => [
      atMost(
        name,
        'refused p99, ms',
        ofOurs(results, name, (r) => r.refusalP99Ms),
        WANTED.refusalP99Ms,
      ),
      atMost(
        name,
        'refused p99 after sending, ms',
        ofOurs(results, name, (r) => r.refusalFromSendP99Ms),
        WANTED.refusalP99Ms,
      ),
    ]),
    ...named(LOW_LOAD).map((name) => atMost(name, 'p50 ÷ greedy’s', p50Over(results, name, GREEDY), WANTED.lowLoadP50)),
  ];
}

function wantedOver(workload: string): number {
  return workload.startsWith('zipf-') || workload === 'tenants' ? WANTED.overBaselineByFar : WANTED.overBaseline;
}

/** Mean of the ratios where there is room. */
function meanCheck(results: Results, names: readonly string[], bounds: Bounds): Check {
  const counted = names.filter((name) => hasRoom(results, name, bounds));
  const ratios = counted.map((name) => overBest(results, name)).filter((ratio) => !Number.isNaN(ratio));
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  const unknown = names.filter((name) => bounds[name] === undefined);
  const note =
    unknown.length === 0 ? '' : `; no bound known of ${unknown.length === names.length ? 'any' : unknown.join(', ')}`;
  const text = `attainment ÷ best baseline, mean of the ${ratios.length} that leave room${note}`;
  return atLeast('all', text, mean, WANTED.overBestInMean);
}

function hasRoom(results: Results, workload: string, bounds: Bounds): boolean {
  const best = bestBaseline(results, workload);
  const bound = bounds[workload];
  return bound === undefined ? best < NEARLY_ALL : bound - best > ROOM;
}

function attained(results: Results, workload: string, contestant: string): number {
  return meanOf(roundsOf(results, workload, contestant), ({ attainment }) => attainment);
}

function ofOurs(results: Results, workload: string, pick: (round: Round) => number): number {
  return meanOf(roundsOf(results, workload, OURS), pick);
}

/** The best mean attainment of the baselines; NaN of none. */
export function bestBaseline(results: Results, workload: string): number {
  const others = contestantsIn(results, workload).filter((name) => name !== OURS);
  const means = others.map((name) => attained(results, workload, name));
  const heard = means.filter((mean) => !Number.isNaN(mean));
  return heard.length === 0 ? Number.NaN : Math.max(...heard);
}

function overOne(results: Results, workload: string, baseline: string): number {
  return attained(results, workload, OURS) / attained(results, workload, baseline);
}

function overBest(results: Results, workload: string): number {
  return attained(results, workload, OURS) / bestBaseline(results, workload);
}

/** Whoever was not refused counts as admitted: also those whose deadline passed before the server had read them. */
function admittedInTime({ inTime, late, expired, failed, lost }: Round): number {
  return inTime / (inTime + late + expired + failed + lost);
}

function p50Over(results: Results, workload: string, baseline: string): number {
  return ofOurs(results, workload, (r) => r.p50Ms) / meanOf(roundsOf(results, workload, baseline), (r) => r.p50Ms);
}

function atLeast(workload: string, text: string, measured: number, limit: number): Check {
  const margin = measured - limit;
  return { workload, text, wanted: `≥ ${limit}`, measured, isMet: margin >= 0, margin };
}

function atMost(workload: string, text: string, measured: number, limit: number): Check {
  const margin = limit - measured;
  return { workload, text, wanted: `≤ ${limit}`, measured, isMet: margin >= 0, margin };
}

function bound(workload: string, text: string, measured: number): Check {
  return { workload, text, wanted: '–', measured, isMet: undefined, margin: Number.NaN };
}
