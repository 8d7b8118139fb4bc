/** The gauges of models, which are read at each scrape. */
import type { QueueReading } from '../../ledger/metrics/gauges.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import type { ModelManager } from '../../models/lifecycle/model-manager.ts';
import { memoryReadings } from '../../models/memory/model-memory.ts';
import { sharedProcesses } from '../../models/serving/servable.ts';

/** Registers gauges of queues, breakers and memory, which are read at each scrape. Call once. */
export function observeModels(models: ModelManager, { metrics }: AppTelemetry): void {
  metrics.gauges.observeBreakers(() =>
    [...models.servables()].flatMap(({ name, version, findings: { breaker } }) =>
      breaker === undefined ? [] : [{ model: name, version: version.toString(), state: breaker.state }],
    ),
  );
  metrics.gauges.observeMemory(() => [...models.servables()].flatMap(memoryReadings));
  metrics.gauges.observeHosts(() =>
    [...models.servables()].flatMap(({ name: model, version, findings: { host } }) =>
      host?.residentBytes === undefined
        ? []
        : [{ model, version: version.toString(), residentBytes: host.residentBytes }],
    ),
  );
  metrics.gauges.observeProcessGroups(() =>
    sharedProcesses(models.servables()).map(({ name: group, processes }) => ({
      group,
      residentBytes: processes.reduce((sum, { residentBytes = 0 }) => sum + residentBytes, 0),
    })),
  );
  const queues = (): readonly QueueReading[] =>
    [...models.servables()].map(({ name, version, runner }) => ({
      model: name,
      version: version.toString(),
      rows: runner.queuedRows,
      tasks: runner.queuedTasks,
      runningBatches: runner.runningBatches,
    }));
  metrics.gauges.observeQueues(queues);
}
