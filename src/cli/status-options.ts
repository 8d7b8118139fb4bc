/** Every option of `pillion status`, once; --help and the reader are made from it. */
import { readCommandLine } from '../config/command-line.ts';
import { flag, type Option } from '../config/option-types.ts';
import { flagLayer, readOptions } from '../config/read-options.ts';
import { ADMIN_OPTION, adminMistake } from './admin-option.ts';

export const STATUS_OPTIONS = {
  admin: ADMIN_OPTION,
  json: flag({ default: false, help: 'Prints what the sidecar told, as it told it.' }),
} satisfies Record<string, Option<unknown>>;

type Table = typeof STATUS_OPTIONS;
export type StatusOptions = { readonly [K in keyof Table]: Table[K] extends Option<infer T> ? T : never };

export type StatusOptionsResult =
  | { readonly options: StatusOptions; readonly errors?: undefined }
  | { readonly errors: readonly string[]; readonly options?: undefined };

export function readStatusOptions(args: readonly string[]): StatusOptionsResult {
  const { given, errors: mistakes } = readCommandLine(STATUS_OPTIONS, args);
  const errors = [...mistakes];
  const { values } = readOptions(STATUS_OPTIONS, [flagLayer(given)], errors);
  const mistake = adminMistake(values.admin);
  if (mistake !== undefined) errors.push(mistake);
  return errors.length > 0 ? { errors } : { options: values };
}
