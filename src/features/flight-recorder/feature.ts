/** GET /requests, /history and /arrivals (docs/reference/observability.md), and `pillion requests`: what was, and when. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Feature } from '../../kernel/feature.ts';
import { requestsCommand } from './command/command.ts';
import { FLIGHT_RECORDER_OPTIONS } from './options.ts';

export const flightRecorder = {
  name: 'flight-recorder',
  options: FLIGHT_RECORDER_OPTIONS,
  commands: [requestsCommand],
  check: (given, errors) => {
    const { flight_recorder_file: file, flight_recorder_max_mib: mib } = optionsOf(given, FLIGHT_RECORDER_OPTIONS);
    if (file !== '' && mib === 0) errors.push('--flight_recorder_file needs --flight_recorder_max_mib above 0');
  },
  install: async (server) => (await import('./install.ts')).installFlightRecorder(server),
} satisfies Feature;
