/** Every option of `pillion status`, once; --help and the reader are made from it. */
import { flag } from '../config/option-types.ts';
import type { OptionValues } from '../config/read-options.ts';
import { ADMIN_OPTION, type CommandOptions, type CommandTable, readCommandOptions } from './command-options.ts';

export const STATUS_OPTIONS = {
  admin: ADMIN_OPTION,
  json: flag({ default: false, help: 'Prints what the sidecar told, as it told it.' }),
} satisfies CommandTable;

export type StatusOptions = OptionValues<typeof STATUS_OPTIONS>;

export function readStatusOptions(args: readonly string[]): CommandOptions<StatusOptions> {
  return readCommandOptions(STATUS_OPTIONS, args);
}
