/** `--caller_max_…`, `--caller_…_per_s`: limits of what one caller may have in flight and send a second. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Feature } from '../../kernel/feature.ts';
import { CALLER_OPTIONS } from './options.ts';

export const callerLimits = {
  name: 'caller-limits',
  options: CALLER_OPTIONS,
  install: async (server) => {
    const limits = optionsOf(server.config, CALLER_OPTIONS);
    const isLimited = Object.keys(CALLER_OPTIONS).some((name) => limits[name as keyof typeof CALLER_OPTIONS] > 0);
    if (isLimited) (await import('./install.ts')).installCallerLimits(server);
  },
} satisfies Feature;
