/**
 * The text of a connection that did not come about, with what a user can do where TLS is the reason. Texts are looked at, and
 * not codes: over gRPC there are no codes.
 */
import type { ServerAddress } from './server-address.ts';

const HINTS: readonly (readonly [error: RegExp, hint: string])[] = [
  [
    /self[- ]signed certificate|unable to (verify the first|get (local )?issuer) certificate/i,
    'no authority that is trusted here has signed its certificate; name the one that has by --ca_file, or the certificate itself if it is self-signed',
  ],
  [/certificate has expired/i, 'its owner has to renew it'],
  [/does not match certificate/i, 'write one of its names in the address'],
  [
    /certificate[ _]required|handshake failure/i,
    'it wants a certificate of the caller; give --cert_file and --key_file',
  ],
  [
    /alert (unknown ca|bad certificate|certificate unknown)/i,
    'it does not trust the authority of --cert_file; give a certificate of one that it trusts',
  ],
  [
    /wrong version number|packet length too long|before secure TLS connection/i,
    'it may not speak TLS there; if so, leave out https://',
  ],
];

/** An error of a TLS library: "…:SSL routines:FUNCTION:REASON:FILE:LINE:…". */
const LIBRARY_ERROR = /^.*:SSL routines:[^:]*:([^:]+):[\s\S]*$/;
/** Errors of connections that end without a reason, as a server of TLS ends one on which it hears none. */
const ENDED = /socket hang up|ECONNRESET|Parse Error|Failed to connect|Connection dropped|Protocol error/i;

/** An answer in HTTP/1.1, as a port of REST gives it. */
const NO_GRPC = 'it may be a port of REST, and gRPC is on another (8500 by default); ';

export function connectionText(
  text: string,
  { base, identity, socketPath }: Pick<ServerAddress, 'base' | 'identity' | 'socketPath'>,
): string {
  const refused = refusedByTls(text);
  if (refused !== undefined) return refused;
  const plain = plainText(text);
  if (!ENDED.test(plain) || socketPath !== undefined) return plain;
  if (base.startsWith('http:'))
    return `${plain}: ${/Protocol error/i.test(plain) ? NO_GRPC : ''}if it speaks TLS, write https://HOST:PORT`;
  return identity === undefined ? plain : `${plain}: it may not trust the authority of --cert_file`;
}

/** The text of what TLS refuses; undefined = another error. */
export function refusedByTls(text: string): string | undefined {
  const plain = plainText(text);
  const [, hint] = HINTS.find(([error]) => error.test(plain)) ?? [];
  return hint === undefined ? undefined : `${plain}: ${hint}`;
}

function plainText(text: string): string {
  return text
    .replace(LIBRARY_ERROR, '$1')
    .trim()
    .replace(/[\s.:]+$/, '');
}
