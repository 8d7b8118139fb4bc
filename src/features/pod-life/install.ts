import { optionsOf } from '../../config/options/feature-options.ts';
import type { Installation } from '../../kernel/installation.ts';
import { ClientDrain } from './client-drain.ts';
import { POD_OPTIONS } from './options.ts';
import { podLifePaths } from './pod-life.ts';

export function installPodLife({ config, clock, logger, readiness, adminPaths }: Installation): void {
  const { quitquitquit } = optionsOf(config, POD_OPTIONS);
  adminPaths(({ clients, lifecycle, quit }) => {
    const drain = new ClientDrain({
      ...{ clock, logger, readiness, clients, lifecycle, delayMs: config.options.drain_delay_ms },
    });
    return podLifePaths(drain, quitquitquit ? quit : undefined);
  });
}
