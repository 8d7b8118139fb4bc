/**
 * How many runs may go on at a time, over all models, and that it follows the cores: a container's quota can be changed
 * while it runs (an in-place resize of a pod), and so can an affinity mask.
 *
 * What a model was loaded with does not change: it has as many sessions as there were slots then. So of more cores several
 * models make use at once, and one alone after its next load; of fewer, all do.
 */
import { readBudgetCores } from '../config/machine/machine.ts';
import type { ServeOptions } from '../config/serve-options.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';
import type { CoreSlots } from '../scheduler/cores/core-slots.ts';
import type { Logger } from '../telemetry/log/log.ts';

/** Reading some files of a line each: nothing beside a second, and soon enough for what people change. */
const LOOK_EVERY_MS = 3000;

/** One a core, less one for the event loop that feeds them; or what was asked for. */
export function slotsOf({ num_batch_threads }: Pick<ServeOptions, 'num_batch_threads'>, budgetCores: number): number {
  return num_batch_threads || Math.max(1, budgetCores - 1);
}

export interface CoreWatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: Pick<ServeOptions, 'num_batch_threads'>;
  readonly slots: CoreSlots;
  /** Cores that were planned for at the start. */
  readonly budgetCores: number;
  /** As they are now; by default from the machine. */
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

  /** Looks now and then from here on. Call once. */
  start(): void {
    const { clock } = this.#options;
    this.#timer = clock.setTimer(clock.nowMs() + LOOK_EVERY_MS, () => {
      this.#look();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #look(): void {
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
