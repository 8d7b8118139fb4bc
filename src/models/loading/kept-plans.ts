/** Plans of threads in a state file. The file may hold anything, so each plan is checked; invalid ones are left out. */
import type { ThreadPlan } from '../../backends/host/sessions/host-plan.ts';
import type { PlanRate, SizeTime } from '../../backends/host/sessions/thread-plan.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The plans of a file's content, by the number of cores. */
export function readPlans(state: unknown): Map<string, ThreadPlan> {
  const plans = isRecord(state) && isRecord(state['plans']) ? state['plans'] : {};
  const sound = Object.entries(plans).filter((entry): entry is [string, ThreadPlan] => {
    const [cores, plan] = entry;
    return isPlan(plan) && plan.threads <= Number(cores);
  });
  return new Map(sound);
}

function isPlan(value: unknown): value is ThreadPlan {
  if (!isRecord(value)) return false;
  const { threads, rates, oneThread } = value;
  const areTimes = (times: unknown): boolean => Array.isArray(times) && times.every(isSizeTime);
  const isKnown = isRecord(oneThread) && Object.values(oneThread).every(areTimes);
  return isCount(threads) && Array.isArray(rates) && rates.every(isRate) && isKnown;
}

function isRate(value: unknown): value is PlanRate {
  if (!isRecord(value)) return false;
  const { threads, sessions, rows, rowsPerSecond } = value;
  return isCount(threads) && isCount(sessions) && isCount(rows) && isPositive(rowsPerSecond);
}

function isSizeTime(value: unknown): value is SizeTime {
  return isRecord(value) && isCount(value['rows']) && isPositive(value['ms']);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && value > 0 && value < Infinity;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
