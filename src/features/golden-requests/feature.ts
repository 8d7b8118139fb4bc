/**
 * A version's assets.extra/pillion_golden_requests: requests with the answers that they must get, or the version is not
 * served.
 */
import type { Feature } from '../../kernel/feature.ts';

export const goldenRequests = {
  name: 'golden-requests',
  install: async (server) => (await import('./install.ts')).installGoldenRequests(server),
} satisfies Feature;
