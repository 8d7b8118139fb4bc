/** Builds what tells how busy this server is. */
import { performance } from 'node:perf_hooks';
import { wantedCoreMs } from '../../config/machine/thread-demand.ts';
import type { CoreBudget } from '../../core/core-budget.ts';
import type { CoreSlots } from '../../scheduler/cores/core-slots.ts';
import type { LoadReadings } from '../installation.ts';

export interface Loads {
  readonly readings: LoadReadings;
  /** Called when the event loop has polled for so long without anything to do. */
  readonly onSpun: (spunMs: number) => void;
}

export function createLoads(slots: CoreSlots, budget: CoreBudget): Loads {
  let spunMs = 0;
  return {
    readings: {
      runCores: () => slots.total,
      waitingMs: () => slots.waitingMs(),
      loopBusyMs: () => performance.eventLoopUtilization().active - spunMs,
      loopWantedMs: () => {
        const wantedMs = wantedCoreMs();
        return wantedMs === undefined ? undefined : wantedMs - spunMs;
      },
      budgetCores: () => budget.cores,
    },
    onSpun: (ms) => {
      spunMs += ms;
    },
  };
}
