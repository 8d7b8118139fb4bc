/** Every option of `pillion doctor`, once; --help and the reader are made from it. */
import { integer, text } from '../config/option-types.ts';
import type { OptionValues } from '../config/read-options.ts';
import { ADMIN_OPTION, type CommandOptions, type CommandTable, readCommandOptions } from './command-options.ts';

export const DOCTOR_OPTIONS = {
  admin: ADMIN_OPTION,
  seconds: integer({
    min: 0,
    max: 3600,
    default: 5,
    help: 'How long the traffic is watched. 0 = not: all that came since the start counts.',
  }),
  format: text({
    default: 'text',
    oneOf: ['text', 'json'],
    placeholder: 'text|json',
    help: 'text for people, json for scripts.',
  }),
} satisfies CommandTable;

export type DoctorOptions = OptionValues<typeof DOCTOR_OPTIONS> & {
  /** --admin was given: a server that does not answer there is a mistake. */
  readonly wantsServer: boolean;
};

export function readDoctorOptions(args: readonly string[]): CommandOptions<DoctorOptions> {
  const { options, errors } = readCommandOptions(DOCTOR_OPTIONS, args);
  if (errors !== undefined) return { errors };
  return { options: { ...options, wantsServer: args.some((arg) => arg.startsWith('--admin')) } };
}
