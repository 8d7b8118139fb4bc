/** `fallback` and `degrade_to` of a model: another model answers in its place. */
import type { Feature } from '../../kernel/feature.ts';
import { DEGRADE_TO, FALLBACK } from './keys.ts';

export const fallback = {
  name: 'fallback',
  modelKeys: [FALLBACK, DEGRADE_TO],
  install: async (server) => (await import('./install.ts')).installFallback(server),
} satisfies Feature;
