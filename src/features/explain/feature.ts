/** Tells a version's bound, and how good its forecasts were, in GET /models, status, doctor and the console. */
import type { Feature } from '../../kernel/feature.ts';

export const explain = {
  name: 'explain',
  install: async (server) => (await import('./install.ts')).installExplain(server),
} satisfies Feature;
