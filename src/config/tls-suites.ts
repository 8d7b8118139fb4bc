/**
 * The versions and cipher suites of TLS that listeners speak: all of TLS 1.3, and those of TLS 1.2 that have forward
 * secrecy and authenticated encryption. RFC 9113, appendix A, bans the others for HTTP/2, those in CBC mode among them.
 */

/** OpenSSL's names, in the order of preference. For node:tls. */
const TLS13_SUITES = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** IANA's name of a suite, as Go and Kubernetes write it, by OpenSSL's name. */
const TLS12_SUITES: ReadonlyMap<string, string> = new Map([
  ['ECDHE-ECDSA-AES128-GCM-SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
  ['ECDHE-RSA-AES128-GCM-SHA256', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
  ['ECDHE-ECDSA-AES256-GCM-SHA384', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'],
  ['ECDHE-RSA-AES256-GCM-SHA384', 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'],
  ['ECDHE-ECDSA-CHACHA20-POLY1305', 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'],
  ['ECDHE-RSA-CHACHA20-POLY1305', 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256'],
]);

/** The names for people. */
export const SUITE_NAMES: readonly string[] = [...TLS13_SUITES, ...TLS12_SUITES.keys()];

const ANY_NAME = [...SUITE_NAMES, ...TLS12_SUITES.values()].join('|');
/** Names with commas between, or nothing. */
export const SUITE_LIST = new RegExp(`^(?:(?:${ANY_NAME})(?:,(?:${ANY_NAME}))*)?$`);

/** The TLS versions and cipher suites of a listener. */
export interface TlsLimits {
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL's names with colons between, for node:tls. */
  readonly ciphers: string;
}

export const DEFAULT_TLS_LIMITS: TlsLimits = { minVersion: 'TLSv1.2', ciphers: SUITE_NAMES.join(':') };

/**
 * The limits of `--tls_min_version` and `--tls_cipher_suites`. A list without suites of TLS 1.3 leaves them all in, as
 * in Envoy: node:tls would speak no TLS 1.3 then.
 */
export function tlsLimits(minVersion: string, suites: string): TlsLimits {
  const named = suites.split(',').filter((name) => name !== '');
  if (named.length === 0)
    return { minVersion: `TLSv${minVersion}` as TlsLimits['minVersion'], ciphers: DEFAULT_TLS_LIMITS.ciphers };
  const openSsl = new Map([...TLS12_SUITES].map(([name, iana]) => [iana, name]));
  const wanted = named.map((name) => openSsl.get(name) ?? name);
  const hasTls13 = wanted.some((name) => TLS13_SUITES.includes(name));
  const ciphers = (hasTls13 ? wanted : [...TLS13_SUITES, ...wanted]).join(':');
  return { minVersion: `TLSv${minVersion}` as TlsLimits['minVersion'], ciphers };
}
