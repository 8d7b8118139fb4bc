/** The options of `pillion drain` and `pillion await`. */
import { flag, integer } from '../config/options/option-types.ts';
import type { OptionValues } from '../config/read-options.ts';
import { ADMIN, ADMIN_TOKEN_FILE, type CommandOptions, readCommandOptions } from './command-options.ts';

export const DRAIN_OPTIONS = {
  admin: ADMIN,
  admin_token_file: ADMIN_TOKEN_FILE,
  timeout: integer({
    min: 0,
    max: 86_400,
    default: 25,
    help: 'How many seconds to wait for the clients. It must be less than terminationGracePeriodSeconds, of which it is a part.',
  }),
};
export type DrainOptions = OptionValues<typeof DRAIN_OPTIONS>;

export const AWAIT_OPTIONS = {
  admin: ADMIN,
  admin_token_file: ADMIN_TOKEN_FILE,
  timeout: integer({
    min: 0,
    max: 86_400,
    default: 60,
    help: 'How many seconds to wait until the sidecar is ready. 0 = without end.',
  }),
  quit: flag({
    default: false,
    help: 'When COMMAND has ended, the sidecar is told to end too: it must run with --quitquitquit. For a Job whose sidecar is no native one.',
  }),
};
export type AwaitOptions = OptionValues<typeof AWAIT_OPTIONS> & {
  /** The words after --. */
  readonly command: readonly string[];
};

export function readDrainOptions(args: readonly string[]): CommandOptions<DrainOptions> {
  return readCommandOptions(DRAIN_OPTIONS, args);
}

export function readAwaitOptions(args: readonly string[]): CommandOptions<AwaitOptions> {
  const [own, command] = splitCommand(args);
  const { options, errors } = readCommandOptions(AWAIT_OPTIONS, own, ({ quit }) => [
    ...(command?.length === 0 ? ['which command? give -- COMMAND, or leave out --'] : []),
    ...(quit && command === undefined ? ['--quit has a meaning only with -- COMMAND'] : []),
  ]);
  return errors === undefined ? { options: { ...options, command: command ?? [] } } : { errors };
}

/** Own options and, if there is a --, the words after it. */
export function splitCommand(
  args: readonly string[],
): readonly [own: readonly string[], command: readonly string[] | undefined] {
  const at = args.indexOf('--');
  return at === -1 ? [args, undefined] : [args.slice(0, at), args.slice(at + 1)];
}
