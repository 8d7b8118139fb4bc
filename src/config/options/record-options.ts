/** Options of `pillion serve` about what is kept of requests: the flight recorder and kept traces. */
import { COUNT, integer, type Option } from './option-types.ts';

export const RECORD_OPTIONS = {
  flight_recorder_max_mib: integer({
    min: 0,
    max: 65_536,
    default: 16,
    help: 'Most memory in MiB for the requests of the last minutes that the admin port shows (GET /requests): at most 250 of each second, and about 2,000 a MiB. The last 512 requests, 256 slow and 256 failed ones come on top. 0 = none of all these.',
  }),
  tail_keep_per_second: integer({
    ...COUNT,
    default: 10,
    help: 'How many requests per second are kept of each kind of failure, and of each model’s requests above its 99th percentile: by the flight recorder, and as traces regardless of the sampling. 0 = none.',
  }),
} satisfies Record<string, Option<unknown>>;
