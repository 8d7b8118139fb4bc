/** A version's assets.extra/tf_serving_warmup_requests: requests that are replayed before the version is served. */
import type { Feature } from '../../kernel/feature.ts';
import { WARM_UP_OPTIONS } from './options.ts';

export const warmUpFiles = {
  name: 'warm-up-files',
  options: WARM_UP_OPTIONS,
  install: async (server) => (await import('./install.ts')).installWarmUpFiles(server),
} satisfies Feature;
