/** What the scheduler must show, as a table: wanted, measured, met or by how much not. */
import { CONTESTANTS } from './contestants.ts';
import { contestantsIn, meanOf, type Results, type Round, roundsOf } from './results.ts';

export interface Check {
  readonly workload: string;
  readonly text: string;
  /** For people: "≥ 0.990". */
  readonly wanted: string;
  readonly measured: number;
  readonly isMet: boolean;
  /** How far from what is wanted, in the figure's own unit; negative = missed. */
  readonly margin: number;
  /** Where it is missed: what bounds it. */
  readonly bound: string;
}

interface Rule {
  readonly workload: string;
  readonly text: string;
  readonly figure: (results: Results, workload: string) => number;
  readonly atLeast?: (results: Results, workload: string) => number;
  readonly atMost?: (results: Results, workload: string) => number;
  readonly bound: string;
}

const OURS = CONTESTANTS.find(({ isOurs }) => isOurs === true)!.name;
const GREEDY = CONTESTANTS.find(({ isReference }) => isReference === true)!.name;

type Figure = (results: Results, workload: string) => number;

function ofOurs(pick: (round: Round) => number | undefined): Figure {
  return (results, workload) => meanOf(roundsOf(results, workload, OURS), pick);
}

/** 1 stands for 1; Infinity for never. */
const constant =
  (value: number): Figure =>
  () =>
    value;

function bestBaseline(results: Results, workload: string): number {
  const others = contestantsIn(results, workload).filter((name) => name !== OURS);
  const means = others.map((name) => meanOf(roundsOf(results, workload, name), ({ attainment }) => attainment));
  const heard = means.filter((mean) => !Number.isNaN(mean));
  return heard.length === 0 ? Number.NaN : Math.max(...heard);
}

const attainment = ofOurs((round) => round.attainment);
const overBest: Figure = (results, workload) => attainment(results, workload) / bestBaseline(results, workload);

function worstCold({ models }: Round): number {
  return Math.min(...models.filter(({ name }) => name.startsWith('cold')).map((part) => part.attainment));
}

const STALLS =
  'a run that stalls (another process has its core) is late with all of its rows, after they were taken in; what admission keeps free for that follows the lateness it has seen';
const SHARED_CORES =
  'reading, refusing and the load generator want the same cores as the runs: what they take is no capacity in the closed loop, where nobody is refused';
const LOOP =
  'the event loop waits for a core that a run or the load generator has (runs have a lower priority); "after sending" is without the generator';
const LIGHT =
  'admission and prediction are some microseconds a request, and a batch begins when a slot is free in both';

const RULES: readonly Rule[] = [
  { workload: 'one-0.7x', bound: STALLS, text: 'attainment', figure: attainment, atLeast: constant(0.99) },
  {
    workload: 'one-2x',
    text: 'attainment (ceiling 0.50)',
    bound: SHARED_CORES,
    figure: attainment,
    atLeast: constant(0.45),
  },
  {
    workload: 'one-2x',
    text: 'core time wasted',
    bound: STALLS,
    figure: ofOurs((r) => r.wastedShare),
    atMost: constant(0.05),
  },
  { workload: 'mixed-1.2x', text: 'attainment', bound: STALLS, figure: attainment, atLeast: constant(0.75) },
  {
    workload: 'mixed-1.2x',
    text: 'attainment ÷ best baseline',
    bound: STALLS,
    figure: overBest,
    atLeast: constant(1.15),
  },
  {
    workload: 'zipf-2x',
    bound: SHARED_CORES,
    text: 'attainment ÷ best baseline',
    figure: overBest,
    atLeast: constant(1.15),
  },
  {
    workload: 'hot-cold',
    bound: STALLS,
    text: 'attainment of the worst cold model',
    figure: ofOurs(worstCold),
    atLeast: constant(0.97),
  },
  {
    workload: 'step',
    bound: STALLS,
    text: 'back to 0.99 after, ms',
    figure: ofOurs((r) => r.recoveryMs),
    atMost: constant(2000),
  },
  {
    workload: 'one-2x',
    text: 'refusal latency p99, ms',
    bound: LOOP,
    figure: ofOurs((r) => r.refusalP99Ms),
    atMost: constant(5),
  },
  {
    workload: 'one-0.3x',
    bound: LIGHT,
    text: 'p50 ÷ greedy’s',
    figure: (results, workload) =>
      ofOurs((r) => r.p50Ms)(results, workload) / meanOf(roundsOf(results, workload, GREEDY), (r) => r.p50Ms),
    atMost: constant(1.1),
  },
];

/** Of the workloads that were measured. A figure that is not there is a miss. */
export function checksOf(results: Results): Check[] {
  const measured = new Set(results.rounds.map(({ workload }) => workload));
  return RULES.filter(({ workload }) => measured.has(workload)).map((rule) => {
    const { workload, text } = rule;
    const figure = rule.figure(results, workload);
    const limit = (rule.atLeast ?? rule.atMost)!(results, workload);
    const margin = rule.atLeast === undefined ? limit - figure : figure - limit;
    const wanted = `${rule.atLeast === undefined ? '≤' : '≥'} ${limit}`;
    return { workload, text, wanted, measured: figure, isMet: margin >= 0, margin, bound: rule.bound };
  });
}
