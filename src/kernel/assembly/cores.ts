/**
 * The threads that compute at the same time over all models (slots), which follow the cores: a container's quota can
 * change while it runs (an in-place resize of a pod), and so can an affinity mask.
 *
 * With more cores a loaded model may open more sessions at once. With fewer cores no run has more threads than there
 * are (backends/host/sessions/session-growth.ts).
 */
import { type Machine, readBudgetCores } from '../../config/machine/machine.ts';
import type { ServeOptions } from '../../config/options/serve-options.ts';
import { type Clock, repeat, type TimerHandle } from '../../core/clock.ts';
import type { CoreBudget } from '../../core/core-budget.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { CoreSlots } from '../../scheduler/cores/core-slots.ts';

/** The time between two reads of the quota and the affinity mask. */
const POLL_MS = 3000;

type ThreadOptions = Pick<ServeOptions, 'num_batch_threads' | 'intra_op_threads'>;

/** The threads of the configured number of runs at the same time, or one for each whole core. */
export function slotsOf({ num_batch_threads, intra_op_threads }: ThreadOptions, budgetCores: number): number {
  return num_batch_threads * (intra_op_threads || 1) || Math.max(1, Math.floor(budgetCores));
}

/** The priority of runs where no application shares the cores. */
export function runPriorityOf(
  { run_priority }: Pick<ServeOptions, 'run_priority'>,
  { isAloneInGroup }: Pick<Machine, 'isAloneInGroup'>,
): 'normal' | 'low' {
  if (run_priority === 'auto') return isAloneInGroup ? 'low' : 'normal';
  return run_priority === 'low' ? 'low' : 'normal';
}

interface CoreWatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: ThreadOptions;
  readonly slots: CoreSlots;
  /** Has the cores at the start; follows them. */
  readonly budget: CoreBudget;
  /** Reads the present cores; by default from the machine. */
  readonly readBudget?: () => number;
}

export class CoreWatch {
  readonly #options: CoreWatchOptions;
  #timer: TimerHandle | undefined;

  constructor(options: CoreWatchOptions) {
    this.#options = options;
  }

  /** Begins to poll. Call once. */
  start(): void {
    this.#timer = repeat(this.#options.clock, POLL_MS, () => this.#poll());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #poll(): void {
    const { logger, options, slots, budget, readBudget = readBudgetCores } = this.#options;
    const before = budget.cores;
    const now = readBudget();
    if (now === before) return;
    const wanted = slotsOf(options, now);
    logger.info({ event: 'cores', budget_cores: now, before, slots: wanted }, 'the cores to plan for have changed');
    if (wanted !== slots.total) slots.resize(wanted);
    budget.cores = now;
  }
}
