/** Options of `pillion serve` about what is kept of requests: logs, the flight recorder, captures. */
import { COUNT, integer, type Option, text, texts } from './option-types.ts';

const MIB = 2 ** 20;

export const RECORD_OPTIONS = {
  request_log_file_bytes: integer({
    ...COUNT,
    min: 1,
    default: 64 * MIB,
    help: 'A model’s request log starts a new file when the current one has reached this many bytes.',
  }),
  request_log_file_seconds: integer({
    min: 1,
    max: 7 * 24 * 3600,
    default: 600,
    help: 'A model’s request log starts a new file after this many seconds, even if the current one holds little.',
  }),
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
  capture_payloads: text({
    default: 'off',
    oneOf: ['off', 'failed', 'all'],
    placeholder: 'off|failed|all',
    help: 'Keeps the inputs of Predict requests in memory, for GET /requests/ID/payload and `pillion replay`: of failed requests, or of all.',
  }),
  capture_inputs: texts({
    default: [],
    placeholder: 'NAME',
    help: 'An input whose values are captured; may be given several times. * = all inputs, and the answers. Of any other input, only dtype and shape are kept.',
  }),
  capture_max_mib: integer({
    min: 1,
    max: 65_536,
    default: 16,
    help: 'Most memory for captured payloads, in MiB. The oldest are dropped first.',
  }),
  request_log_max_mib: integer({
    min: 0,
    max: 2 ** 30,
    default: 1024,
    help: 'Most MiB of finished files that a model’s request log keeps; then the oldest are deleted. The newest file always stays. 0 = no limit.',
  }),
  request_log_mode: text({
    default: '0600',
    oneOf: ['0600', '0640'],
    placeholder: '0600|0640',
    help: 'Permissions of the files of request logs: for the server’s user alone, or for its group to read, too.',
  }),
  min_free_disk_percent: integer({
    min: 0,
    max: 99,
    default: 5,
    help: 'Request logs and --state_dir are not written while less than this share of their disk is free, in percent: a full disk would have the pod evicted. 0 = they are written until the disk is full.',
  }),
} satisfies Record<string, Option<unknown>>;
