/** How the commands that ask a running sidecar read their options: from the command line alone, --admin among them. */
import { readCommandLine } from '../config/command-line.ts';
import { type Option, text } from '../config/option-types.ts';
import { flagLayer, type OptionTable, type OptionValues, readOptions } from '../config/read-options.ts';

export const ADMIN_OPTION: Option<string> = text({
  default: '127.0.0.1:8502',
  placeholder: 'HOST:PORT',
  help: 'The admin address of the running sidecar; it listens on its own machine alone.',
});

/** A table of options with --admin among them. */
export type CommandTable = OptionTable & { readonly admin: Option<string> };

export type CommandOptions<T> =
  | { readonly options: T; readonly errors?: undefined }
  | { readonly errors: readonly string[]; readonly options?: undefined };

/**
 * The values, or all mistakes; `check` gives those that the table cannot see. Nothing comes from the environment: its
 * PILLION_MODEL is an option of serve.
 */
export function readCommandOptions<T extends CommandTable>(
  table: T,
  args: readonly string[],
  check: (values: OptionValues<T>) => readonly string[] = () => [],
): CommandOptions<OptionValues<T>> {
  const { given, errors: mistakes } = readCommandLine(table, args);
  const errors = [...mistakes];
  const { values } = readOptions(table, [flagLayer(given)], errors);
  errors.push(...check(values));
  const { admin } = values as { readonly admin: string };
  errors.push(...hostPortProblems('admin', admin));
  return errors.length > 0 ? { errors } : { options: values };
}

/** None where the option's value is HOST:PORT. */
export function hostPortProblems(option: string, value: string): readonly string[] {
  const isHostPort = /^(\[[\da-f:]+\]|[^:/\s]+):\d+$/i.test(value);
  return isHostPort ? [] : [`--${option}=${value} wants HOST:PORT`];
}
