/** Every option of `pillion profile`, once; --help and the reader are made from it. */
import { DEFAULT_PROFILE_SECONDS, MAX_PROFILE_SECONDS } from '../admin/profile/profile-endpoint.ts';
import { integer, text } from '../config/option-types.ts';
import type { OptionValues } from '../config/read-options.ts';
import { ADMIN_OPTION, type CommandOptions, type CommandTable, readCommandOptions } from './command-options.ts';

export const PROFILE_OPTIONS = {
  out: text({ default: '', placeholder: 'FILE', help: 'Where the trace file goes. Required.' }),
  seconds: integer({
    min: 1,
    max: MAX_PROFILE_SECONDS,
    default: DEFAULT_PROFILE_SECONDS,
    help: 'How long requests, batches and the event loop are watched.',
  }),
  model: text({
    default: '',
    placeholder: 'NAME',
    help: 'Its requests, batches and ops alone. Empty = all; the ops of the busiest.',
  }),
  admin: ADMIN_OPTION,
} satisfies CommandTable;

export type ProfileOptions = OptionValues<typeof PROFILE_OPTIONS>;

export function readProfileOptions(args: readonly string[]): CommandOptions<ProfileOptions> {
  return readCommandOptions(PROFILE_OPTIONS, args, ({ out }) => (out === '' ? ['where to? give --out=FILE'] : []));
}
