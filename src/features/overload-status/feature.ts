/** `--overload_status`: the status by which clients are told that the server has too much to do. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Feature } from '../../kernel/feature.ts';
import { OVERLOAD_STATUS_OPTIONS } from './options.ts';

export const overloadStatus = {
  name: 'overload-status',
  options: OVERLOAD_STATUS_OPTIONS,
  install: async (server) => {
    const { overload_status: status } = optionsOf(server.config, OVERLOAD_STATUS_OPTIONS);
    if (status === 'unavailable') server.tellErrorsAs((await import('./unavailable.ts')).unavailableForOverload());
  },
} satisfies Feature;
