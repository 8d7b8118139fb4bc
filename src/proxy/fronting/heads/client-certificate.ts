/**
 * A verified client certificate as Envoy writes it in x-forwarded-client-cert, with the details subject, URI and DNS:
 *
 *   By=spiffe://shop/gateway;Hash=06f5…;Subject="CN=web,O=Shop";URI=spiffe://shop/web;DNS=web.shop
 */

import { Buffer } from 'node:buffer';
import type { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { alternativeNames } from '../../peer-identity.ts';

const texts = new WeakMap<Duplex, string>();

/** Undefined for a client without a certificate that was verified. Made once for a connection, while it is open. */
export function certificateText(connection: Duplex): string | undefined {
  if (!(connection instanceof TLSSocket) || !connection.authorized) return undefined;
  let text = texts.get(connection);
  if (text === undefined) {
    const certificate = connection.getPeerX509Certificate();
    if (certificate === undefined) return undefined;
    text = elementOf(certificate, connection.getX509Certificate());
    texts.set(connection, text);
  }
  return text;
}

/** `own`: this server's certificate. */
export function elementOf(certificate: X509Certificate, own: X509Certificate | undefined): string {
  const by = own === undefined ? [] : namesOf(own, 'URI').map((uri) => `By=${quoted(uri)}`);
  const hash = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  const uris = namesOf(certificate, 'URI').map((uri) => `URI=${quoted(uri)}`);
  const dns = namesOf(certificate, 'DNS').map((name) => `DNS=${quoted(name)}`);
  return [...by, `Hash=${hash}`, `Subject="${subjectOf(certificate)}"`, ...uris, ...dns].join(';');
}

function namesOf({ subjectAltName }: X509Certificate, type: 'URI' | 'DNS'): readonly string[] {
  const names = alternativeNames(subjectAltName ?? '');
  return names.filter(([each]) => each === type).map(([, value]) => value);
}

/**
 * Writes a subject as RFC 2253 has it: the last attribute first, commas between, characters beyond ASCII as bytes. node has
 * escaped what is special, and puts each attribute on a line of its own.
 */
function subjectOf({ subject }: X509Certificate): string {
  // Node gives undefined where there is none, which its types do not say.
  const lines = ((subject as string | undefined) ?? '').split('\n').reverse();
  return lines
    .map((line) => line.replace(/(?<!\\) \+ /g, '+'))
    .join(',')
    .replace(/[^ -~]/gu, (char) =>
      [...Buffer.from(char)].map((byte) => `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    );
}

/** Values that could be mistaken for several are quoted. */
function quoted(value: string): string {
  const ascii = value.replace(/[^ -~]/gu, encodeURIComponent);
  return /[",;=]/.test(ascii) ? `"${ascii.replace(/["\\]/g, '\\$&')}"` : ascii;
}
