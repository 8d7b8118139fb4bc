/** GET /record. */
import type { Installation } from '../../kernel/installation.ts';
import { RecordEndpoint } from './record-endpoint.ts';

export function installRecording({ clock, adminPaths }: Installation): void {
  adminPaths(({ models, records: { samplers, counters } }) =>
    new RecordEndpoint({ clock, samplers, counters, models: () => models.modelNames }).paths(),
  );
}
