/** GET /profile. */
import { readFreeMemory } from '../../config/machine/free-memory.ts';
import type { Installation } from '../../kernel/installation.ts';
import { ProfileEndpoint } from './profile-endpoint.ts';
import { Profiler } from './profiler.ts';

export function installProfile(server: Installation): void {
  const { clock, telemetry } = server;
  server.adminPaths(({ models }) => {
    const profiler = new Profiler({ clock, telemetry, servables: () => models.servables(), readFree: readFreeMemory });
    return new ProfileEndpoint({ profiler, models: () => models.modelNames }).paths();
  });
}
