/** Lines of the log about runs that go on for much longer than they should: `"event": "run_stalled"`. */
import type { Feature } from '../../kernel/feature.ts';

export const stalledRuns = {
  name: 'stalled-runs',
  install: async (server) => (await import('./install.ts')).installStalledRuns(server),
} satisfies Feature;
