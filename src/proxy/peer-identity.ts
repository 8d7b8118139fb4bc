/**
 * The identity of a client by its certificate, for callers and policy. Only a certificate that an authority of the
 * listener has signed names anybody; without one there is no identity.
 *
 * A name that could be read in two ways is no name: a certificate with two common names has none here, and one with
 * several URIs has no SPIFFE id (the SPIFFE standard allows one URI).
 */
import type { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

/** The names in a client certificate that was verified. */
export interface CertificateNames {
  /** Undefined without one. */
  readonly spiffe: string | undefined;
  readonly dns: readonly string[];
  /** It is as node:crypto prints it, special characters escaped; undefined if its subject has none, or several. */
  readonly commonName: string | undefined;
}

export interface PeerIdentity extends CertificateNames {
  /** The whole subject, one attribute a line, as node:crypto prints it. */
  readonly subject: string;
}

/** A segment is neither empty, "." nor ".." (SPIFFE-ID, 2.2): it would lead out of the path that a pattern names. */
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*$/;

const NOBODY = Symbol('nobody');
const identities = new WeakMap<Duplex, PeerIdentity | typeof NOBODY>();

/**
 * The identity of a connection's client; undefined without TLS, or without a verified certificate. Found out once for a
 * connection, so that it is kept when the socket is closed, and when the authority has been replaced.
 */
export function peerIdentity(connection: Duplex): PeerIdentity | undefined {
  let identity = identities.get(connection);
  if (identity === undefined) {
    const isVerified = connection instanceof TLSSocket && connection.authorized;
    const certificate = isVerified ? connection.getPeerX509Certificate() : undefined;
    identity = certificate === undefined ? NOBODY : identityIn(certificate);
    identities.set(connection, identity);
  }
  return identity === NOBODY ? undefined : identity;
}

/** The identity that a verified certificate gives its owner. */
export function identityIn(certificate: Pick<X509Certificate, 'subject' | 'subjectAltName'>): PeerIdentity {
  // Node gives undefined where there is none, which its types do not say.
  const subject = (certificate.subject as string | undefined) ?? '';
  const names = alternativeNames(certificate.subjectAltName ?? '');
  const uris = names.filter(([type]) => type === 'URI').map(([, value]) => value);
  const dns = names.filter(([type]) => type === 'DNS').map(([, value]) => value);
  const spiffe = uris.length === 1 && SPIFFE_ID.test(uris[0]!) ? uris[0] : undefined;
  const commonNames = [...subject.matchAll(/(?:^|(?<!\\) \+ )CN=(.*?)(?=(?<!\\) \+ [A-Za-z]+=|$)/gm)];
  return { spiffe, dns, commonName: commonNames.length === 1 ? commonNames[0]![1] : undefined, subject };
}

/** The names of a certificate by their types. Node prints `URI:spiffe://trust/path, DNS:name`, and quotes as JSON a value that could be mistaken. */
export function alternativeNames(text: string): readonly (readonly [type: string, value: string])[] {
  const found = text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/gy);
  return [...found].map(([, type, value]) => [type!, value!.startsWith('"') ? (JSON.parse(value!) as string) : value!]);
}
