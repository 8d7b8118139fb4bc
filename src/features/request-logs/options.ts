import { COUNT, integer, text } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

const MIB = 2 ** 20;

export const REQUEST_LOG_OPTIONS = {
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
  log_root: text({
    default: '',
    placeholder: 'DIR',
    help: 'HandleReloadConfigRequest accepts only request logs under this directory. Default: the directories of the configured request logs; without such logs, none is accepted.',
  }),
} satisfies OptionTable;
