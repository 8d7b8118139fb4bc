/** GET /requests and /arrivals (docs/reference/observability.md): the last requests, and when the last came. */
import type { Feature } from '../../kernel/feature.ts';

export const flightRecorder = {
  name: 'flight-recorder',
  install: async (server) => (await import('./install.ts')).installFlightRecorder(server),
} satisfies Feature;
