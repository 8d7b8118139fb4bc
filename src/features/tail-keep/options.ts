import { COUNT, integer } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const TAIL_KEEP_OPTIONS = {
  tail_keep_per_second: integer({
    ...COUNT,
    default: 10,
    help: 'How many requests per second are kept of each kind of failure, and of each model’s requests above its 99th percentile: by the flight recorder, and as traces regardless of the sampling. 0 = none.',
  }),
} satisfies OptionTable;
