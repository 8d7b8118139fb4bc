/**
 * The files that hold the listeners' key and certificates: one SSLConfig, or PEM files as Kubernetes mounts them. They
 * are read at the start, and again when they change (proxy/net/certificate-watch.ts).
 */
import type { Buffer } from 'node:buffer';
import { hashOf } from '../files/content-hash.ts';
import { parseTextProtoFile, readConfigFile } from './config-file.ts';
import type { ServeOptions } from './options/serve-options.ts';
import type { Origin } from './read-options.ts';
import { SSL_CONFIG, tlsOf } from './ssl-config.ts';
import { checkPems, type NamedPem, type TlsConfig } from './tls-config.ts';
import { tlsLimits } from './tls-suites.ts';

export interface TlsSource {
  readonly paths: readonly string[];
  /**
   * The key and certificates in these contents of the files, which are in the order of `paths`. On a mistake it adds to
   * `errors` and returns undefined. Pure.
   */
  read(contents: readonly Buffer[], errors: string[]): TlsConfig | undefined;
}

/** The result of one read of the files. */
export interface TlsAtStart {
  readonly source: TlsSource;
  readonly config: TlsConfig;
  /** The hash of the contents; see hashOf. */
  readonly hash: string;
}

type Origins = ReadonlyMap<string, Origin>;

/** Undefined without TLS, or on a mistake, which is added to `errors`. */
export function readTls(options: ServeOptions, origins: Origins, errors: string[]): TlsAtStart | undefined {
  const before = errors.length;
  checkTogether(options, origins, errors);
  const source = sourceOf(options);
  if (errors.length > before || source === undefined) return undefined;
  const files = source.paths.map((path) => readConfigFile(path));
  const contents = files.flatMap(({ bytes }) => bytes ?? []);
  errors.push(...files.flatMap(({ error }) => error ?? []));
  if (errors.length > before) return undefined;
  const config = source.read(contents, errors);
  return config && { source, config, hash: hashOf(contents) };
}

/** Whether REST has TLS, if there is any: PEM files are for every port, an SSLConfig for gRPC alone by default. */
export function isTlsOnRest({ rest_api_tls, tls_cert_file }: ServeOptions, origins: Origins): boolean {
  return origins.get('rest_api_tls')!.kind === 'default' ? tls_cert_file !== '' : rest_api_tls;
}

function sourceOf(options: ServeOptions): TlsSource | undefined {
  const { ssl_config_file: sslFile, tls_cert_file: certFile } = options;
  if (sslFile !== '') return sslSource(sslFile, options);
  return certFile === '' ? undefined : pemSource(options);
}

function sslSource(path: string, { tls_min_version, tls_cipher_suites }: ServeOptions): TlsSource {
  const limits = tlsLimits(tls_min_version, tls_cipher_suites);
  return {
    paths: [path],
    read([bytes], errors) {
      const parsed = parseTextProtoFile(SSL_CONFIG, path, bytes!, errors);
      const config = parsed && tlsOf(parsed.message, parsed.where, errors);
      return config && { ...config, limits };
    },
  };
}

function pemSource(options: ServeOptions): TlsSource {
  const { tls_cert_file, tls_key_file, tls_client_ca_file, tls_verify_client } = options;
  const limits = tlsLimits(options.tls_min_version, options.tls_cipher_suites);
  const hasCa = tls_client_ca_file !== '';
  const paths = [tls_cert_file, tls_key_file, ...(hasCa ? [tls_client_ca_file] : [])];
  return {
    paths,
    read(contents, errors) {
      const before = errors.length;
      const [cert, key, ca] = contents.map((bytes, i) => namedPem(paths[i]!, bytes));
      checkPems({ key: key!, cert: cert!, ca }, errors);
      if (errors.length > before) return undefined;
      const texts = { serverKey: key!.text, serverCert: cert!.text, customCa: ca?.text };
      return { ...texts, verifyClient: hasCa && tls_verify_client, asksClient: hasCa, limits };
    },
  };
}

function namedPem(path: string, bytes: Buffer): NamedPem {
  return { text: bytes.toString('latin1'), at: `${path}:`, name: path };
}

function checkTogether(options: ServeOptions, origins: Origins, errors: string[]): void {
  const { ssl_config_file, tls_cert_file, tls_key_file, tls_client_ca_file, rest_api_tls } = options;
  const hasCert = tls_cert_file !== '';
  if (ssl_config_file !== '' && (hasCert || tls_key_file !== '' || tls_client_ca_file !== '')) {
    errors.push('--ssl_config_file holds key and certificates itself; leave out it, or --tls_…_file');
  } else if (hasCert !== (tls_key_file !== '')) {
    errors.push('--tls_cert_file and --tls_key_file belong together; give both');
  } else if (tls_client_ca_file !== '' && !hasCert) {
    errors.push(
      '--tls_client_ca_file has a meaning only with TLS; give --tls_cert_file=FILE and --tls_key_file=FILE too',
    );
  }
  if (rest_api_tls && ssl_config_file === '' && !hasCert) {
    errors.push(
      '--rest_api_tls wants a key and certificates; give --tls_cert_file and --tls_key_file, or --ssl_config_file=FILE too',
    );
  }
  const verify = origins.get('tls_verify_client')!;
  if (options.tls_verify_client && verify.kind !== 'default' && tls_client_ca_file === '') {
    errors.push(
      `${verify.place} wants the authorities that sign clients’ certificates; give --tls_client_ca_file=FILE too`,
    );
  }
}
