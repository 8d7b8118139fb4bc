/**
 * tensorflow.serving.SSLConfig → TlsConfig. Keys and certificates are checked by making a TLS context, so that an error
 * has its place in the file. No error text shows a key or a certificate.
 */
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Message } from '@bufbuild/protobuf';
import type { Where } from './config-file.ts';

export const SSL_CONFIG = 'tensorflow.serving.SSLConfig';

/** A listener's keys and certificates, as PEM texts. */
export interface TlsConfig {
  readonly serverKey: string;
  /** The server's certificate, then its chain. */
  readonly serverCert: string;
  /** Authorities that may sign clients' certificates; undefined = the system's. */
  readonly customCa: string | undefined;
  /** Refuses clients without a certificate signed by one of those. */
  readonly verifyClient: boolean;
}

interface SslMessage {
  readonly serverKey: string;
  readonly serverCert: string;
  readonly customCa: string;
  readonly clientVerify: boolean;
}

export function tlsOf(message: Message, where: Where, errors: string[]): TlsConfig | undefined {
  const { serverKey, serverCert, customCa, clientVerify } = message as unknown as SslMessage;
  const before = errors.length;
  checkPem('server_key', serverKey, 'PRIVATE KEY', where, errors);
  checkPem('server_cert', serverCert, 'CERTIFICATE', where, errors);
  if (customCa !== '') checkPem('custom_ca', customCa, 'CERTIFICATE', where, errors);
  if (errors.length > before) return undefined;
  const contexts = [
    ['server_key', 'wants an unencrypted private key in PEM', { key: serverKey }],
    ['server_cert', 'wants certificates in PEM, the server’s own first', { cert: serverCert }],
    ['server_key', 'is not the key of the first certificate in server_cert', { key: serverKey, cert: serverCert }],
  ] as const;
  for (const [field, reason, options] of contexts) {
    if (isContext(options)) continue;
    errors.push(`${where(field)}: ${field} ${reason}`);
    return undefined;
  }
  if (customCa !== '' && !areCertificates(customCa)) {
    errors.push(`${where('custom_ca')}: custom_ca holds a certificate that cannot be read`);
    return undefined;
  }
  return { serverKey, serverCert, customCa: customCa === '' ? undefined : customCa, verifyClient: clientVerify };
}

function checkPem(field: string, text: string, label: string, where: Where, errors: string[]): void {
  if (text === '') errors.push(`${where(field)}: ${field} is missing; it holds the PEM text itself`);
  else if (!new RegExp(`-----BEGIN [A-Z0-9 ]*${label}-----`).test(text)) {
    const hint = /^[^\n]{1,4096}$/.test(text.trim()) ? '; is it a path? The field holds what is in the file' : '';
    errors.push(`${where(field)}: ${field} wants PEM text (-----BEGIN … ${label}-----)${hint}`);
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
