/** GET /requests and /arrivals (docs/reference/observability.md): the last requests, and when the last came. */
import type { Feature } from '../../kernel/feature.ts';
import { FLIGHT_RECORDER_OPTIONS } from './options.ts';

export const flightRecorder = {
  name: 'flight-recorder',
  options: FLIGHT_RECORDER_OPTIONS,
  install: async (server) => (await import('./install.ts')).installFlightRecorder(server),
} satisfies Feature;
