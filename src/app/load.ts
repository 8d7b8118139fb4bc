/** Builds the reports of this server's load, for balancers. */
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import type { ServeOptions } from '../config/options/serve-options.ts';
import { systemClock } from '../core/clock.ts';
import type { CoreBudget } from '../core/core-budget.ts';
import { LoadMeter } from '../proxy/load/load-meter.ts';
import { LoadReports } from '../proxy/load/load-reports.ts';
import type { CoreSlots } from '../scheduler/cores/core-slots.ts';
import type { AppTelemetry } from '../telemetry/telemetry.ts';

interface LoadParts {
  readonly options: Pick<ServeOptions, 'load_reports' | 'authorization_file'>;
  readonly slots: CoreSlots;
  readonly budget: CoreBudget;
  readonly telemetry: AppTelemetry;
}

export interface Loads {
  readonly reports: LoadReports;
  /** The event loop has polled for so long without anything to do. */
  readonly onSpun: (spunMs: number) => void;
}

/** Undefined with `--load_reports=off`. */
export function createLoads({ options, slots, budget, telemetry }: LoadParts): Loads | undefined {
  if (options.load_reports === 'off') return undefined;
  let spunMs = 0;
  const meter = new LoadMeter({
    clock: systemClock,
    runCores: () => slots.total,
    waitingMs: () => slots.waitingMs(),
    loopBusyMs: () => performance.eventLoopUtilization().active - spunMs,
    cpuMs: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    budgetCores: () => budget.cores,
  });
  telemetry.listen(meter);
  const reports = new LoadReports({
    meter,
    isAlways: options.load_reports === 'always',
    namesModels: options.authorization_file === '',
  });
  const onSpun = (ms: number): void => {
    spunMs += ms;
  };
  return { reports, onSpun };
}
