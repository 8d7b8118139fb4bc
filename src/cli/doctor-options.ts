/** Every option of `pillion doctor`, once; --help and the reader are made from it. */
import { readCommandLine } from '../config/command-line.ts';
import { integer, type Option, text } from '../config/option-types.ts';
import { flagLayer, readOptions } from '../config/read-options.ts';
import { ADMIN_OPTION, adminMistake } from './admin-option.ts';

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
} satisfies Record<string, Option<unknown>>;

type Table = typeof DOCTOR_OPTIONS;
export type DoctorOptions = { readonly [K in keyof Table]: Table[K] extends Option<infer T> ? T : never } & {
  /** --admin was given: a server that does not answer there is a mistake. */
  readonly wantsServer: boolean;
};

export type DoctorOptionsResult =
  | { readonly options: DoctorOptions; readonly errors?: undefined }
  | { readonly errors: readonly string[]; readonly options?: undefined };

export function readDoctorOptions(args: readonly string[]): DoctorOptionsResult {
  const { given, errors: mistakes } = readCommandLine(DOCTOR_OPTIONS, args);
  const errors = [...mistakes];
  const { values } = readOptions(DOCTOR_OPTIONS, [flagLayer(given)], errors);
  const mistake = adminMistake(values.admin);
  if (mistake !== undefined) errors.push(mistake);
  const wantsServer = args.some((arg) => arg.startsWith('--admin'));
  return errors.length > 0 ? { errors } : { options: { ...values, wantsServer } };
}
