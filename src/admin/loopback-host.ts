/** Is a request meant for this machine, by the name that it was sent to? A web page's name for us is not ours. */
import type { IncomingMessage } from 'node:http';

const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/** The name that was asked for, without its port; undefined where it is this machine's. */
export function foreignHost({ headers }: IncomingMessage): string | undefined {
  const host = (headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
  return LOOPBACK_NAMES.includes(host) ? undefined : host;
}
