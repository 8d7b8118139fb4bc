/**
 * The plans that are measured of a heavy model: the server by itself, and every fixed plan that one might choose
 * instead. Pure.
 */
import { median } from '../support/statistics.ts';

export interface Plan {
  readonly name: string;
  /** The name in tables. */
  readonly label: string;
  readonly args: readonly string[];
}

export const DEFAULT_PLAN: Plan = { name: 'default', label: 'default settings', args: [] };

const SLOTS = [1, 2];
const THREADS = [1, 2];
const BATCH_SIZES = [1, 8, 32];

/** Slots × threads × most rows in a run. */
export const FIXED_PLANS: readonly Plan[] = SLOTS.flatMap((slots) =>
  THREADS.flatMap((threads) =>
    BATCH_SIZES.map((size) => ({
      name: `${slots}x${threads}x${size}`,
      label: `${many(slots, 'slot')}, ${many(threads, 'thread')}, batches of ${size}`,
      args: [`--num_batch_threads=${slots}`, `--intra_op_threads=${threads}`, `--max_batch_size=${size}`],
    })),
  ),
);

export const PLANS: readonly Plan[] = [DEFAULT_PLAN, ...FIXED_PLANS];

export interface HeavyRound {
  readonly model: string;
  readonly plan: string;
  readonly round: number;
  readonly answersPerSecond: number;
  readonly failed: number;
  /** The share of the machine that went to others; 0 to 1. */
  readonly foreignShare: number;
}

export interface Verdict {
  readonly model: string;
  /** Medians of the rounds, in answers a second. */
  readonly byDefault: number;
  readonly best: string;
  readonly bestRate: number;
  readonly ratio: number;
}

/** The best fixed plan is chosen in hindsight, by its median. Undefined where either has no round. */
export function verdictOf(model: string, rounds: readonly HeavyRound[]): Verdict | undefined {
  const rateOf = (plan: string): number => rateIn(rounds, model, plan);
  const byDefault = rateOf(DEFAULT_PLAN.name);
  const measured = FIXED_PLANS.filter(({ name }) => !Number.isNaN(rateOf(name)));
  if (Number.isNaN(byDefault) || measured.length === 0) return undefined;
  const best = measured.reduce((leader, plan) => (rateOf(plan.name) > rateOf(leader.name) ? plan : leader));
  const bestRate = rateOf(best.name);
  return { model, byDefault, best: best.name, bestRate, ratio: byDefault / bestRate };
}

/** Median of a plan's rounds; NaN of none. */
export function rateIn(rounds: readonly HeavyRound[], model: string, plan: string): number {
  const own = rounds.filter((round) => round.model === model && round.plan === plan);
  return median(own.map(({ answersPerSecond }) => answersPerSecond));
}

function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
