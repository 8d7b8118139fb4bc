/**
 * People's data is shown to those on this machine alone. The admin server is bound to loopback; a web page could still
 * reach it by a name of its own that resolves there (DNS rebinding), and its browser then says that name.
 */
import type { IncomingMessage } from 'node:http';
import type { Refusal } from './refusal.ts';

const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/** A refusal unless the request was sent to a loopback name. `what` begins "… for localhost alone". */
export function refuseForeignHost({ headers }: IncomingMessage, what: string): Refusal | undefined {
  const host = (headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
  if (LOOPBACK_NAMES.includes(host)) return undefined;
  return { status: 403, text: `Host is "${host}"; ${what} for localhost alone` };
}
