/** GET /record. */
import type { Installation } from '../../kernel/installation.ts';
import { RecordEndpoint } from './record-endpoint.ts';

export function installRecording({ clock, adminPaths }: Installation): void {
  adminPaths(({ models, records: { taps, counters } }) =>
    new RecordEndpoint({ clock, taps, counters, models: () => models.modelNames }).paths(),
  );
}
