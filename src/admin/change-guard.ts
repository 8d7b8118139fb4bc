/**
 * Who may ask the admin server. Host has been checked before (loopback-host.ts), but a browser on the same machine reaches
 * us on behalf of any page that it shows. A page of another origin is refused whatever it asks for; and what changes or
 * costs something wants a header besides, which such a page cannot send without asking first (we answer no such question):
 * an old browser does not say where its request comes from.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Refusal } from './refusal.ts';

/** Wanted with every POST and with each GET that costs something; its value does not matter. */
export const CONSOLE_HEADER = 'x-pillion-console';

/** A refusal for a page of another origin. Undefined: it may read. */
export function refuseForeignPage({ origin, host, ...headers }: IncomingHttpHeaders): Refusal | undefined {
  if (origin !== undefined && origin !== `http://${host}`) {
    return refusal(`Origin is ${quoted(origin)}; ask from this server's own page, or without Origin`);
  }
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return refusal(`the request comes from another site (Sec-Fetch-Site: ${quoted(String(site))})`);
  }
  return undefined;
}

/** The same, and a refusal for whoever may be one. Undefined: it may change something, or ask for what costs. */
export function refuseForeignChange(headers: IncomingHttpHeaders): Refusal | undefined {
  const foreign = refuseForeignPage(headers);
  if (foreign !== undefined || headers[CONSOLE_HEADER] !== undefined) return foreign;
  return refusal(`the header ${CONSOLE_HEADER} is missing; send it with any value`);
}

function refusal(text: string): Refusal {
  return { status: 403, text };
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 120));
}
