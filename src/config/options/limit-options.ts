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
  caller_core_share: shareOrNone({
    default: 0,
    help: 'Share of the runs’ time that one caller may take while others wait or are refused, over the last 10 s; above it, its requests are refused. 0 = no limit: the others only go first.',
  }),
} satisfies Record<string, Option<unknown>>;
