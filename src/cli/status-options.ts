/** Every option of `pillion status`, once; --help and the reader are made from it. */
import { readCommandLine } from '../config/command-line.ts';
import { flag, type Option, text } from '../config/option-types.ts';
import { flagLayer, readOptions } from '../config/read-options.ts';

export const STATUS_OPTIONS = {
  admin: text({
    default: '127.0.0.1:8502',
    placeholder: 'HOST:PORT',
    help: 'The admin address of the running sidecar; it listens on its own machine alone.',
  }),
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
  if (!/^(\[[\da-f:]+\]|[^:/\s]+):\d+$/i.test(values.admin)) errors.push(`--admin=${values.admin} wants HOST:PORT`);
  return errors.length > 0 ? { errors } : { options: values };
}
