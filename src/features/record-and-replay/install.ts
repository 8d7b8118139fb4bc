/** GET /record. */
import type { Installation } from '../../kernel/installation.ts';
import { RecordCounters } from './record-counters.ts';
import { RecordEndpoint } from './record-endpoint.ts';

export function installRecording({ clock, adminPaths, models: { samplers }, telemetry }: Installation): void {
  const counters = new RecordCounters(telemetry.metrics.registry);
  adminPaths(({ models }) =>
    new RecordEndpoint({ clock, samplers, counters, models: () => models.modelNames }).paths(),
  );
}
