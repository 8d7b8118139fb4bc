/** An authorization file beside the other options: what in it could never apply, and what is unsafe. */
import type { ServeOptions } from '../options/serve-options.ts';
import type { TlsConfig } from '../tls-config.ts';
import type { Authorization } from './authorization.ts';

export function authorizationConflicts(
  path: string,
  { rules }: Authorization,
  tls: TlsConfig | undefined,
): readonly string[] {
  const named = rules.principals.find(({ certificates }) => certificates !== undefined);
  if (named === undefined || tls?.verifyClient === true || tls?.asksClient === true) return [];
  const fix = 'give --tls_client_ca_file';
  return [`${path}: "${named.name}" has certificates, but no client is asked for one; ${fix}, or give it keys`];
}

export function authorizationWarnings(
  { rules }: Authorization,
  { bind_address: address }: ServeOptions,
  hasTls: Readonly<Record<'grpc' | 'rest', boolean>>,
): readonly string[] {
  const warnings: string[] = [];
  const hasTokens = rules.principals.some(({ keys, tokens }) => keys !== undefined || tokens !== undefined);
  const isLocal = address === '::1' || address === 'localhost' || address.startsWith('127.');
  const plain = [...(hasTls.grpc ? [] : ['gRPC']), ...(hasTls.rest ? [] : ['REST'])];
  if (hasTokens && !isLocal && plain.length > 0) {
    const fix = 'use TLS, or let a proxy or mesh do so';
    warnings.push(`keys and tokens come to the ${plain.join(' and ')} port in the clear; ${fix}`);
  }
  return warnings;
}
