/**
 * Functions that do the same work, measured against each other in one process: CPU µs a call of all the process's
 * threads (the compiler's and the collector's are part of the price), and the ratio to the first one's.
 *
 *   check every function ─▶ count how many calls fill a round ─▶ rounds in turn ─▶ medians, ratios round by round
 *
 * It takes care of this:
 * - A contestant whose result is wrong is not measured: the run ends.
 * - All comparisons of a subject are warm before the first is measured, so that none has the compiler's undivided
 *   attention because it came first.
 * - Results are kept where anyone could read them, so that no call can be left out as useless.
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { median, quantile, ratios } from '../support/statistics.ts';
import { takeTurns } from '../support/turns.ts';

export interface Comparison {
  readonly title: string;
  /** The functions by name; the first is the baseline. */
  readonly contestants: Readonly<Record<string, () => unknown>>;
  /** Throws unless `call`, one of the contestants, does its work. Absent where there is no result to look at. */
  readonly check?: (call: () => unknown) => void;
}

/** One line of the table. `times` is the median of each round's ratio to the baseline; half of them lie in `middle`. */
export interface Figures {
  readonly comparison: string;
  readonly contestant: string;
  readonly cpuMicros: number;
  readonly times: number;
  readonly middle: readonly [number, number];
}

export const DEFAULT_ROUNDS = 15;
const WARM_UP_ROUNDS = 3;
const MICROS_PER_ROUND = 20_000;

interface Contestant {
  readonly name: string;
  readonly call: () => unknown;
  readonly calls: number;
}

/** The last result: exported, so that the compiler cannot know that nobody reads it. */
export const kept: { result: unknown } = { result: undefined };

/**
 * Measures, prints, and tells the parent process if there is one that wants to know. `--rounds=N` of the command line
 * counts. Ends the process where a check fails.
 */
export async function runSubject(comparisons: readonly Comparison[]): Promise<readonly Figures[]> {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: String(DEFAULT_ROUNDS) } } });
  const rounds = Number(values.rounds);
  const fields: Contestant[][] = [];
  for (const comparison of comparisons) fields.push(await warmUp(comparison));
  const all: Figures[] = [];
  for (const [i, { title }] of comparisons.entries()) {
    const micros = await takeTurns(fields[i]!, { rounds, warmUpRounds: 1 }, measure);
    const figures = fields[i]!.map(({ name }, at) => figuresOf(title, name, micros[at]!, micros[0]!));
    print(figures);
    all.push(...figures);
  }
  await tellParent(all);
  return all;
}

/** Waits until it is told: the caller may exit. */
async function tellParent(figures: readonly Figures[]): Promise<void> {
  if (process.send === undefined) return;
  await new Promise((resolve) => process.send!(figures, resolve));
}

async function warmUp({ title, contestants, check }: Comparison): Promise<Contestant[]> {
  const names = Object.entries(contestants);
  for (const [name, call] of names) {
    try {
      check?.(call);
    } catch (error) {
      throw new Error(`${title}: ${name} does not do what is measured`, { cause: error });
    }
  }
  const field = names.map(([name, call]) => ({ name, call, calls: callsFor(MICROS_PER_ROUND, call) }));
  await takeTurns(field, { rounds: 0, warmUpRounds: WARM_UP_ROUNDS }, measure);
  // The calls are counted anew: compiled code is faster than the code of the first count.
  return field.map(({ name, call }) => ({ name, call, calls: callsFor(MICROS_PER_ROUND, call) }));
}

/** How many calls take so long, one at least. */
function callsFor(micros: number, call: () => unknown): number {
  for (let calls = 1; ; calls *= 2) {
    const took = calls * cpuMicros(call, calls);
    if (took >= micros / 2) return Math.max(1, Math.round((calls * micros) / took));
  }
}

async function measure({ call, calls }: Contestant): Promise<number> {
  const micros = cpuMicros(call, calls);
  // Work that was left to the event loop is not counted for the next one.
  await new Promise(setImmediate);
  return micros;
}

/** The CPU time of each call, in µs. */
function cpuMicros(call: () => unknown, calls: number): number {
  const before = process.cpuUsage();
  for (let i = 0; i < calls; i++) kept.result = call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

function figuresOf(comparison: string, contestant: string, micros: number[], baseline: number[]): Figures {
  const times = ratios(micros, baseline);
  const middle = [significant(quantile(times, 0.25)), significant(quantile(times, 0.75))] as const;
  return { comparison, contestant, cpuMicros: significant(median(micros)), times: significant(median(times)), middle };
}

function significant(value: number): number {
  return Number(value.toPrecision(3));
}

function print(figures: readonly Figures[]): void {
  const { comparison, contestant: baseline } = figures[0]!;
  console.log(`\n${comparison.padEnd(56)}${'CPU µs'.padStart(10)}   × ${baseline} (half of the rounds between)`);
  for (const [i, { contestant, cpuMicros: micros, times, middle }] of figures.entries()) {
    const spread = i === 0 ? '' : `  (${middle[0]}–${middle[1]})`;
    console.log(`  ${contestant.padEnd(54)}${String(micros).padStart(10)}   ${times}${spread}`);
  }
}
