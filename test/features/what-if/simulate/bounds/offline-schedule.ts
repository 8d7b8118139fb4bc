/**
 * A schedule that knows all requests in advance: a search among the schedules of one model whose requests are due in
 * the order of their releases. The requests that it answers can be answered, so it is a lower bound of what a
 * clairvoyant scheduler reaches, as clairvoyant-bound.ts is an upper one.
 *
 * With such requests some best schedule has its batches in the order of the requests, each of neighbours: two that are
 * out of order can change places. So a state is what is free when, and the first request that is undecided. The slot
 * that is free first takes the earliest neighbours that are in time as a batch of each of some sizes, and waits for
 * them if it must. Among states that agree but for rounding the one with the most answers stays (dynamic programming);
 * among the others at about the same time the most promising do (beam search), by their answers and the requests that
 * wait.
 */
import { lowerBound } from '../../../../../bench/support/statistics.ts';

export interface ScheduleProblem {
  /** Instants in ms, ascending, as the dues are. */
  readonly releases: readonly number[];
  readonly dues: readonly number[];
  runMs(rows: number): number;
  readonly slots: number;
  readonly maxBatchSize: number;
}

interface State {
  /** When each slot is free, ascending. */
  readonly free: readonly number[];
  readonly next: number;
  readonly answered: number;
}

/** Instants that are nearer than this are the same, in ms. */
const STEP_MS = 1;
/** States that are followed at about the same time. */
const WIDTH = 50;
/** The worth of a request that waits beside one that was answered. It was chosen because it finds most. */
const WAITING_WORTH = 0.8;
const EPSILON_MS = 1e-9;

/** How many requests it answers in time. */
export function offlineSchedule(problem: ScheduleProblem): number {
  const { dues, releases, slots } = problem;
  if (dues.length === 0) return 0;
  if (!isAscending(releases) || !isAscending(dues))
    throw new Error('requests are not due in the order of their releases');
  const search = new Search(problem);
  search.add({ free: new Array<number>(slots).fill(releases[0]!), next: 0, answered: 0 });
  return search.run();
}

function isAscending(values: readonly number[]): boolean {
  return values.every((value, i) => i === 0 || value >= values[i - 1]!);
}

class Search {
  readonly #problem: ScheduleProblem;
  readonly #sizes: readonly number[];
  /** The states by the instant of the slot that is free first, in steps, and by all else but the answers. */
  readonly #steps = new Map<number, Map<string, State>>();
  #best = 0;

  constructor(problem: ScheduleProblem) {
    this.#problem = problem;
    this.#sizes = sizesUpTo(problem.maxBatchSize);
  }

  add(state: State): void {
    this.#best = Math.max(this.#best, state.answered);
    const [first, ...others] = state.free.map((at) => Math.floor(at / STEP_MS));
    const states = this.#steps.get(first!) ?? new Map<string, State>();
    this.#steps.set(first!, states);
    const key = `${state.next} ${others.join(' ')}`;
    const known = states.get(key);
    if (known === undefined || state.answered > known.answered) states.set(key, state);
  }

  run(): number {
    const { releases, dues } = this.#problem;
    const last = Math.floor(dues[dues.length - 1]! / STEP_MS);
    for (let step = Math.floor(releases[0]! / STEP_MS); step <= last; step++) {
      // The next state may be at the same step: another slot is free.
      for (let states = this.#steps.get(step); states !== undefined; states = this.#steps.get(step)) {
        this.#steps.delete(step);
        for (const state of this.#mostPromising([...states.values()])) this.#follow(state);
      }
    }
    return this.#best;
  }

  #mostPromising(states: State[]): State[] {
    if (states.length <= WIDTH) return states;
    const worth = new Map(states.map((state) => [state, state.answered + WAITING_WORTH * this.#waiting(state)]));
    return states.sort((a, b) => worth.get(b)! - worth.get(a)!).slice(0, WIDTH);
  }

  /** Requests that have come, and can still be answered. */
  #waiting({ free, next }: State): number {
    const { releases, dues, runMs } = this.#problem;
    const now = free[0]!;
    const first = Math.max(next, lowerBound(dues, now + runMs(1)));
    return Math.max(0, lowerBound(releases, now + EPSILON_MS) - first);
  }

  #follow(state: State): void {
    const waiting = this.#waiting(state);
    const { maxBatchSize } = this.#problem;
    for (const rows of this.#sizes) this.#batch(state, rows);
    if (waiting > 0 && waiting < maxBatchSize && !this.#sizes.includes(waiting)) this.#batch(state, waiting);
  }

  /** The next batch is of so many rows. */
  #batch({ free, next, answered }: State, rows: number): void {
    const { releases, dues, runMs } = this.#problem;
    const ms = runMs(rows);
    const first = Math.max(next, lowerBound(dues, free[0]! + ms - EPSILON_MS));
    for (let i = first; i + rows <= releases.length; i++) {
      const end = Math.max(free[0]!, releases[i + rows - 1]!) + ms;
      if (end > dues[i]! + EPSILON_MS) continue;
      this.add({
        free: [...free.slice(1), end].sort((a, b) => a - b),
        next: i + rows,
        answered: answered + rows,
      });
      return;
    }
  }
}

/** All small ones, and eighths of the largest. */
function sizesUpTo(most: number): number[] {
  const eighth = Math.max(1, most / 8);
  const sizes = new Set([1, 2, 3, 4, most]);
  for (let size = eighth; size < most; size += eighth) sizes.add(Math.round(size));
  return [...sizes].filter((size) => size <= most).sort((a, b) => a - b);
}
