import { COUNT, integer } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const CALLER_OPTIONS = {
  caller_max_requests: integer({
    ...COUNT,
    default: 0,
    help: 'Most requests of one caller that are in flight, from the last byte of the body to the answer. More are refused (RESOURCE_EXHAUSTED, 429). 0 = no limit.',
  }),
  caller_max_rows: integer({
    ...COUNT,
    default: 0,
    help: 'Most rows of one caller in flight. 0 = no limit.',
  }),
  caller_max_mib: integer({
    ...COUNT,
    default: 0,
    help: 'Most MiB of one caller’s request bodies in flight. 0 = no limit.',
  }),
  caller_requests_per_s: integer({
    ...COUNT,
    default: 0,
    help: 'Most requests of one caller a second. 0 = no limit.',
  }),
  caller_rows_per_s: integer({
    ...COUNT,
    default: 0,
    help: 'Most rows of one caller a second. 0 = no limit.',
  }),
  caller_mib_per_s: integer({
    ...COUNT,
    default: 0,
    help: 'Most MiB of one caller’s request bodies a second. 0 = no limit.',
  }),
} satisfies OptionTable;
