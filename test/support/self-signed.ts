/** Certificates, for localhost or another name, made on the spot: no key lies in the repository. */
import { Buffer } from 'node:buffer';
import { generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto';

/** One DER element. */
function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag, ...lengthOctets(body.length)]), body]);
}

/** The length in as few octets as will do: DER allows no others. */
function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

const SEQUENCE = 0x30;
const SET = 0x31;
const ECDSA_WITH_SHA256 = der(SEQUENCE, der(0x06, Buffer.from('2a8648ce3d040302', 'hex')));
const COMMON_NAME = der(0x06, Buffer.from('550403', 'hex'));

/** Ciphers of TLS 1.2 in CBC mode, for a key as these certificates have. */
export const CBC_CIPHERS = 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA';

export interface KeyAndCert {
  readonly key: string;
  readonly cert: string;
}

export interface CertificateOptions {
  /** Signs it; default: itself. */
  readonly authority?: KeyAndCert;
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  /** Default: from 2020 until 2049; as "YYMMDDhhmmssZ". */
  readonly from?: string;
  readonly until?: string;
}

export function selfSigned(commonName = 'localhost', options: CertificateOptions = {}): KeyAndCert {
  const { authority, from = '200101000000Z', until = '491231235959Z' } = options;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(0x0c, Buffer.from(commonName)))));
  const issuer = authority === undefined ? name : subjectOf(authority.cert);
  const validity = der(SEQUENCE, der(0x17, Buffer.from(from)), der(0x17, Buffer.from(until)));
  const serial = der(0x02, randomBytes(8).fill(1, 0, 1));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const names = alternatives(options);
  const version = names === undefined ? [] : [der(0xa0, der(0x02, Buffer.from([2])))];
  const extensions = names === undefined ? [] : [der(0xa3, der(SEQUENCE, names))];
  const facts = [...version, serial, ECDSA_WITH_SHA256, issuer, validity, name, spki, ...extensions];
  const toBeSigned = der(SEQUENCE, ...facts);
  const signature = der(0x03, Buffer.from([0]), sign('sha256', toBeSigned, authority?.key ?? privateKey));
  const cert = der(SEQUENCE, toBeSigned, ECDSA_WITH_SHA256, signature).toString('base64');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${cert.match(/.{1,64}/g)!.join('\n')}\n-----END CERTIFICATE-----\n`,
  };
}

/** The subject of a certificate made here with one name, the common one. */
function subjectOf(cert: string): Buffer {
  const [, commonName] = /^CN=(.*)$/.exec(new X509Certificate(cert).subject)!;
  return der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(0x0c, Buffer.from(commonName!)))));
}

/** The extension of alternative names, if there are any. */
function alternatives({ dns = [], uris = [] }: CertificateOptions): Buffer | undefined {
  if (dns.length + uris.length === 0) return undefined;
  const names = [...dns.map((name) => der(0x82, Buffer.from(name))), ...uris.map((uri) => der(0x86, Buffer.from(uri)))];
  return der(SEQUENCE, der(0x06, Buffer.from('551d11', 'hex')), der(0x04, der(SEQUENCE, ...names)));
}
