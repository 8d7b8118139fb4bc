import { COUNT, integer } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const WARM_UP_OPTIONS = {
  num_request_iterations_for_warmup: integer({
    ...COUNT,
    default: 0,
    help: 'How often each request of a warm-up file is replayed. 0 = once.',
  }),
} satisfies OptionTable;
