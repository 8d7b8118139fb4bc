/** `cache` of a model: answers are kept, and given to the same requests again. */
import type { Feature } from '../../kernel/feature.ts';
import { CACHE } from './cache-key.ts';
import { cacheNote } from './cache-report.ts';

export const responseCache = {
  name: 'response-cache',
  modelKeys: [CACHE],
  modelNote: cacheNote,
  install: async (server) => (await import('./install.ts')).installResponseCache(server),
} satisfies Feature;
