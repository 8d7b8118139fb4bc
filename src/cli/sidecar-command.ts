/** Commands that ask a running sidecar. */
import { type Option, text } from '../config/options/option-types.ts';
import type { OptionTable } from '../config/read-options.ts';
import { OptionCommand, type OptionCommandSpec } from '../kernel/command.ts';

/** A running sidecar's operators' server, as the options name it. */
export interface AdminAddress {
  /** HOST:PORT or unix:PATH */
  readonly admin: string;
  /** A file with its token; empty = none. */
  readonly admin_token_file: string;
}

/** The beginning of the path of a Unix socket. */
export const UNIX = 'unix:';

/** An option of every such command. */
export const ADMIN = text({
  default: '127.0.0.1:8502',
  placeholder: 'HOST:PORT|unix:PATH',
  help: 'The admin address of the running sidecar, which listens on its own machine alone.',
});
/** An option of every such command. */
export const ADMIN_TOKEN_FILE = text({
  default: '',
  placeholder: 'FILE',
  help: 'The file with the token that the sidecar asks for (its --admin_token_file). Empty = none.',
});

/** A table of options with --admin among them. */
type SidecarTable = OptionTable & { readonly admin: Option<string> };

/** A command with the option --admin, which is checked here. */
export function sidecarCommand<const T extends SidecarTable>(spec: OptionCommandSpec<T>): OptionCommand<T> {
  return new OptionCommand({
    ...spec,
    check: (options, line) => {
      const { admin } = options as { readonly admin: string };
      return [
        ...(spec.check?.(options, line) ?? []),
        ...(admin.startsWith(UNIX) ? [] : hostPortErrors('admin', admin)),
      ];
    },
  });
}

/** The mistake of a value that is not of the form HOST:PORT. */
export function hostPortErrors(option: string, value: string): readonly string[] {
  const isHostPort = /^(\[[\da-f:]+\]|[^:/\s]+):\d+$/i.test(value);
  return isHostPort ? [] : [`--${option}=${value} wants HOST:PORT`];
}
