/** Options of `pillion serve` that bound what requests may take. */
import { COUNT, integer, type Option, shareOrNone } from './option-types.ts';

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
  max_request_memory_mib: integer({
    ...COUNT,
    default: 0,
    help: 'Most memory for all requests in flight, in MiB: bodies, decoded inputs and answers that clients do not take. From 80 % of it on, large requests are refused first. 0 = half of what the models leave of the memory that the process may use.',
  }),
  body_read_timeout_s: integer({
    ...COUNT,
    default: 30,
    help: 'A request whose body gets on by less than 4 KiB a second, over this many seconds, is ended. 0 = no limit but the request’s own deadline.',
  }),
  caller_core_share: shareOrNone({
    default: 0,
    help: 'Share of the runs’ time that one caller may take while others wait or are refused, over the last 10 s; above it, its requests are refused. 0 = no limit: the others only go first.',
  }),
} satisfies Record<string, Option<unknown>>;
