/** GET /requests and /arrivals: the last requests one by one, and when the last minutes' came (docs/console.md). */
import type { Feature } from '../../kernel/feature.ts';

export const flightRecorder = {
  name: 'flight-recorder',
  install: async (server) => (await import('./install.ts')).installFlightRecorder(server),
} satisfies Feature;
