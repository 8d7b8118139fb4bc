/** Wiring of profiles: what they watch, and which models they may load a second time. */
import { ProfileEndpoint } from '../admin/profile/profile-endpoint.ts';
import { Profiler } from '../admin/profile/profiler.ts';
import { readFreeMemory } from '../config/machine/free-memory.ts';
import { systemClock } from '../core/clock.ts';
import type { ModelManager } from '../models/lifecycle/model-manager.ts';
import type { AppTelemetry } from '../telemetry/telemetry.ts';

export function createProfiles(models: ModelManager, telemetry: AppTelemetry): ProfileEndpoint {
  const servables = () => models.servables();
  return new ProfileEndpoint({
    profiler: new Profiler({ clock: systemClock, telemetry, servables, readFree: readFreeMemory }),
    models: () => models.modelNames,
  });
}
