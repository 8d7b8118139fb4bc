/**
 * A listener's key and certificates, whichever file they come from, and their checks. They are checked by making a TLS
 * context, so that an error names the text that is wrong. No error shows a key or a certificate.
 */
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { isoTime, parseWall } from '../core/clock.ts';
import type { TlsLimits } from './tls-suites.ts';

/** PEM texts, and what clients must show. */
export interface TlsConfig {
  readonly serverKey: string;
  /** The server's certificate, then its chain. */
  readonly serverCert: string;
  /** Authorities that may sign clients' certificates; undefined = the system's. */
  readonly customCa: string | undefined;
  /** Refuses clients without a certificate signed by one of those. */
  readonly verifyClient: boolean;
  /** Asks clients for a certificate, and lets those in that have none. Default: only verifyClient asks. */
  readonly asksClient?: boolean;
  /** Default: TLS 1.2 and 1.3, with every suite of tls-suites.ts. */
  readonly limits?: TlsLimits;
}

/** A PEM text as errors name it. */
export interface NamedPem {
  readonly text: string;
  /** Begins an error: "ssl.config:3:1: server_key", "/certs/tls.key:". */
  readonly at: string;
  /** The place in errors of another text: "server_cert", "/certs/tls.crt". */
  readonly name: string;
  /** Ends the error about a text that is no PEM. */
  readonly hint?: string;
}

interface NamedPems {
  readonly key: NamedPem;
  readonly cert: NamedPem;
  readonly ca: NamedPem | undefined;
}

/** Adds to `errors` what is wrong with the texts: each alone, then key and certificate together. */
export function checkPems({ key, cert, ca }: NamedPems, errors: string[]): void {
  const before = errors.length;
  checkBlocks(key, 'PRIVATE KEY', errors);
  checkBlocks(cert, 'CERTIFICATE', errors);
  if (ca !== undefined) checkBlocks(ca, 'CERTIFICATE', errors);
  if (errors.length > before) return;
  const contexts = [
    [key, 'wants an unencrypted private key in PEM', { key: key.text }],
    [cert, 'wants certificates in PEM, the server’s own first', { cert: cert.text }],
    [key, `is not the key of the first certificate in ${cert.name}`, { key: key.text, cert: cert.text }],
  ] as const;
  const wrong = contexts.find(([, , options]) => !isContext(options));
  if (wrong !== undefined) errors.push(`${wrong[0].at} ${wrong[1]}`);
  else if (ca !== undefined && !areCertificates(ca.text)) {
    errors.push(`${ca.at} holds a certificate that cannot be read`);
  }
}

function checkBlocks({ text, at, hint = '' }: NamedPem, label: string, errors: string[]): void {
  if (!new RegExp(`-----BEGIN [A-Z0-9 ]*${label}-----`).test(text)) {
    errors.push(`${at} wants PEM text (-----BEGIN … ${label}-----)${hint}`);
    return;
  }
  // OpenSSL takes a chain that breaks off within a BEGIN line as one that has ended.
  const rest = text.replace(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g, '');
  if (/-----(?:BEGIN|END) |-----B[A-Z ]*$/.test(rest.trimEnd())) {
    errors.push(`${at} breaks off in the middle of its PEM text; write the whole file, then rename it into place`);
  }
}

/** OpenSSL's error text is dropped: it helps little, and might hold part of a key. */
function isContext(options: { readonly key?: string; readonly cert?: string }): boolean {
  try {
    createSecureContext(options);
    return true;
  } catch {
    return false;
  }
}

/** createSecureContext ignores authorities that it cannot read. */
function areCertificates(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----[\s\S]*?-----END [A-Z0-9 ]*CERTIFICATE-----/g) ?? [];
  try {
    for (const block of blocks) new X509Certificate(block);
    return blocks.length > 0;
  } catch {
    return false;
  }
}

/** When the server's own certificate ceases to be valid, in ms since 1970. */
export function expiryOf({ serverCert }: TlsConfig): number {
  return parseWall(new X509Certificate(serverCert).validTo);
}

/** Why clients refuse the server's own certificate at this time, in ms since 1970: one text, or none. */
export function outOfDate(config: TlsConfig, nowMs: number): readonly string[] {
  const fromMs = parseWall(new X509Certificate(config.serverCert).validFrom);
  const untilMs = expiryOf(config);
  if (nowMs < fromMs) return [`the server’s certificate is not valid before ${isoTime(fromMs)}`];
  return nowMs > untilMs ? [`the server’s certificate has expired at ${isoTime(untilMs)}`] : [];
}
