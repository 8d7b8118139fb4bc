/** Builds what tells how busy this server is: readings, and the headroom for autoscalers. */
import { performance } from 'node:perf_hooks';
import { wantedCoreMs } from '../../config/machine/thread-demand.ts';
import type { ServeOptions } from '../../config/options/serve-options.ts';
import { systemClock } from '../../core/clock.ts';
import type { CoreBudget } from '../../core/core-budget.ts';
import type { ModelManager } from '../../models/lifecycle/model-manager.ts';
import { HeadroomMeter, type RunPlace } from '../../proxy/load/headroom-meter.ts';
import type { CoreSlots } from '../../scheduler/cores/core-slots.ts';
import type { AppTelemetry } from '../../telemetry/telemetry.ts';
import type { LoadReadings } from '../installation.ts';

interface LoadParts {
  readonly options: Pick<ServeOptions, 'slo_ms'>;
  readonly models: ModelManager;
  readonly slots: CoreSlots;
  readonly budget: CoreBudget;
  readonly telemetry: AppTelemetry;
}

export interface Loads {
  readonly readings: LoadReadings;
  readonly headroom: HeadroomMeter;
  /** The event loop has polled for so long without anything to do. */
  readonly onSpun: (spunMs: number) => void;
}

/** The objective of a server of which none was configured, in ms. */
const DEFAULT_OBJECTIVE_MS = 1000;

export function createLoads({ options, slots, budget, telemetry, models }: LoadParts): Loads {
  let spunMs = 0;
  const readings: LoadReadings = {
    runCores: () => slots.total,
    waitingMs: () => slots.waitingMs(),
    loopBusyMs: () => performance.eventLoopUtilization().active - spunMs,
    budgetCores: () => budget.cores,
  };
  const headroom = new HeadroomMeter({
    ...readings,
    clock: systemClock,
    settle: telemetry.settle,
    loopWantedMs: () => {
      const wantedMs = wantedCoreMs();
      return wantedMs === undefined ? undefined : wantedMs - spunMs;
    },
    placeOf: (model) => placeOf(model, models),
    objectiveOf: (model) => models.configOf(model)?.sloMs ?? (options.slo_ms || undefined),
    objectiveMs: () => objectiveMs(models, options.slo_ms),
  });
  telemetry.follow(headroom);
  observeHeadroom(telemetry, headroom);
  const onSpun = (ms: number): void => {
    spunMs += ms;
  };
  return { readings, headroom, onSpun };
}

/** The numbers of GET /headroom, for autoscalers that read Prometheus. */
function observeHeadroom({ metrics: { gauges } }: AppTelemetry, meter: HeadroomMeter): void {
  const load =
    'What is asked for over what the server can do, as /headroom tells it: 1 is full, 2 the most that is told.';
  gauges.observe('pillion_load', load, () => meter.read(false).load);
  gauges.observe('pillion_headroom', '1 - pillion_load, at least 0.', () => meter.read(false).headroom);
}

/** Of an unloaded model that had requests lately: the cores. */
function placeOf(model: string, models: ModelManager): RunPlace {
  for (const { name, host } of models.servables()) {
    if (name === model && host?.kind === 'inline') return host.callsAtOnce ?? 'loop';
  }
  return 'cores';
}

/** The tightest that was configured. */
function objectiveMs(models: ModelManager, serverMs: number): number {
  let least = serverMs || Infinity;
  for (const { name } of models.servables()) least = Math.min(least, models.configOf(name)?.sloMs || Infinity);
  return least === Infinity ? DEFAULT_OBJECTIVE_MS : least;
}
