/** --admin, which every command has that asks a running sidecar. */
import { type Option, text } from '../config/option-types.ts';

export const ADMIN_OPTION: Option<string> = text({
  default: '127.0.0.1:8502',
  placeholder: 'HOST:PORT',
  help: 'The admin address of the running sidecar; it listens on its own machine alone.',
});

/** The mistake, or undefined where it is an address. */
export function adminMistake(admin: string): string | undefined {
  return /^(\[[\da-f:]+\]|[^:/\s]+):\d+$/i.test(admin) ? undefined : `--admin=${admin} wants HOST:PORT`;
}
