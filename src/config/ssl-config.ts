/** tensorflow.serving.SSLConfig → TlsConfig. An error has its place in the file. */
import type { Message } from '@bufbuild/protobuf';
import type { Where } from './config-file.ts';
import { checkPems, type NamedPem, type TlsConfig } from './tls-config.ts';

export const SSL_CONFIG = 'tensorflow.serving.SSLConfig';

interface SslMessage {
  readonly serverKey: string;
  readonly serverCert: string;
  readonly customCa: string;
  readonly clientVerify: boolean;
}

export function tlsOf(message: Message, where: Where, errors: string[]): TlsConfig | undefined {
  const { serverKey, serverCert, customCa, clientVerify } = message as unknown as SslMessage;
  const before = errors.length;
  const named = (name: string, text: string): NamedPem => {
    const hint = /^[^\n]{1,4096}$/.test(text.trim()) ? '; is it a path? The field holds what is in the file' : '';
    return { text, name, at: `${where(name)}: ${name}`, hint };
  };
  const key = named('server_key', serverKey);
  const cert = named('server_cert', serverCert);
  for (const { text, at } of [key, cert]) {
    if (text === '') errors.push(`${at} is missing; it holds the PEM text itself`);
  }
  if (errors.length > before) return undefined;
  checkPems({ key, cert, ca: customCa === '' ? undefined : named('custom_ca', customCa) }, errors);
  if (errors.length > before) return undefined;
  return { serverKey, serverCert, customCa: customCa === '' ? undefined : customCa, verifyClient: clientVerify };
}
