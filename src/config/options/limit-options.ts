/** Options of `pillion serve` that bound what requests may take. */
import { COUNT, integer, type Option } from './option-types.ts';

const MIB = 2 ** 20;

export const LIMIT_OPTIONS = {
  max_message_bytes: integer({
    min: 1024,
    max: 2 ** 31 - 1,
    default: 64 * MIB,
    help: 'Largest request, decompressed. A larger one is refused before it is read.',
  }),
  max_queued_mib: integer({
    ...COUNT,
    default: 0,
    help: 'Most memory for the inputs of waiting requests, in MiB. Beyond that, requests are refused at once. 0 = a quarter of the memory that the process may use.',
  }),
} satisfies Record<string, Option<unknown>>;
