/** `cache` of a model: its answers are kept, and given to the same requests again (docs/response-cache.md). */
import type { Feature } from '../../kernel/feature.ts';
import { CACHE } from '../../models/caching/cache-key.ts';

export const responseCache = { name: 'response-cache', modelKeys: [CACHE] } satisfies Feature;
