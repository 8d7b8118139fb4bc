/** Every option of `pillion record`, once; --help and the reader are made from it. */

import { flag, integer, share, text } from '../config/option-types.ts';
import type { OptionValues } from '../config/read-options.ts';
import { ADMIN_OPTION, type CommandOptions, type CommandTable, readCommandOptions } from './command-options.ts';

/** A warm-up or golden file may have as many. */
const MAX_RECORDS = 1000;

export const RECORD_OPTIONS = {
  model: text({ default: '', placeholder: 'NAME', help: 'The model whose requests are recorded. Required.' }),
  out: text({ default: '', placeholder: 'FILE', help: 'Where the records go, once there are all of them. Required.' }),
  admin: ADMIN_OPTION,
  count: integer({
    min: 1,
    max: MAX_RECORDS,
    default: 100,
    help: `Ends after so many records; ${MAX_RECORDS} is what a warm-up file may have.`,
  }),
  max_bytes: integer({
    min: 1,
    max: 2 ** 31 - 1,
    default: 64 * 2 ** 20,
    help: 'Ends before the file has more bytes than these.',
  }),
  duration: integer({
    min: 0,
    max: 7 * 24 * 3600,
    default: 0,
    help: 'Ends after so many seconds, with what there is. 0 = waits for the count, or Ctrl-C.',
  }),
  sample: share({
    default: 1,
    help: 'Share of the requests that is recorded, so that a file shows more than one moment.',
  }),
  golden: flag({
    default: false,
    help: 'Records the answers too: for assets.extra/pillion_golden_requests, whose answers a version must give.',
  }),
  force: flag({ default: false, help: 'Writes over FILE if it is there.' }),
} satisfies CommandTable;

export type RecordOptions = OptionValues<typeof RECORD_OPTIONS>;

export function readRecordOptions(args: readonly string[]): CommandOptions<RecordOptions> {
  return readCommandOptions(RECORD_OPTIONS, args, ({ model, out }) => [
    ...(model === '' ? ['whose requests? give --model=NAME'] : []),
    ...(out === '' ? ['where to? give --out=FILE'] : []),
  ]);
}
