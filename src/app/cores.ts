/**
 * The number of runs at the same time over all models (slots), which follows the cores: a container's quota can change
 * while it runs (an in-place resize of a pod), and so can an affinity mask.
 *
 * A loaded model keeps its number of sessions. So more cores help several models at once, but a single model only after
 * its next load; fewer cores apply to all models at once.
 */
import { readBudgetCores } from '../config/machine/machine.ts';
import type { ServeOptions } from '../config/options/serve-options.ts';
import { type Clock, repeat, type TimerHandle } from '../core/clock.ts';
import type { CoreSlots } from '../scheduler/cores/core-slots.ts';
import type { Logger } from '../telemetry/log/log.ts';

/** The time between two reads of the quota and the affinity mask. */
const POLL_MS = 3000;

/** The configured number of slots, or one for each core except the event loop's. */
export function slotsOf({ num_batch_threads }: Pick<ServeOptions, 'num_batch_threads'>, budgetCores: number): number {
  return num_batch_threads || Math.max(1, budgetCores - 1);
}

interface CoreWatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: Pick<ServeOptions, 'num_batch_threads'>;
  readonly slots: CoreSlots;
  /** The cores at the start. */
  readonly budgetCores: number;
  /** Reads the present cores; by default from the machine. */
  readonly readBudget?: () => number;
}

export class CoreWatch {
  readonly #options: CoreWatchOptions;
  #budgetCores: number;
  #timer: TimerHandle | undefined;

  constructor(options: CoreWatchOptions) {
    this.#options = options;
    this.#budgetCores = options.budgetCores;
  }

  /** Begins to poll. Call once. */
  start(): void {
    this.#timer = repeat(this.#options.clock, POLL_MS, () => this.#poll());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #poll(): void {
    const { logger, options, slots, readBudget = readBudgetCores } = this.#options;
    const before = this.#budgetCores;
    const now = readBudget();
    if (now === before) return;
    this.#budgetCores = now;
    const wanted = slotsOf(options, now);
    logger.info({ event: 'cores', budget_cores: now, before, slots: wanted }, 'the cores to plan for have changed');
    if (wanted !== slots.total) slots.resize(wanted);
  }
}
