/** Reads the authorization file with the other options: what in it could never apply, and what is unsafe. */
import { readConfigFile } from '../../config/config-file.ts';
import { type GivenOptions, givenOf, optionsOf } from '../../config/options/feature-options.ts';
import type { TlsAtStart } from '../../config/tls-source.ts';
import { factKey } from '../../core/collections/facts.ts';
import { type Authorization, readAuthorizationNow } from './authorization.ts';
import { AUTHORIZATION_OPTIONS } from './options.ts';

/** The file as it was when the options were read; there is none without --authorization_file. */
export const AUTHORIZATION = factKey<Authorization>('authorization');

export function checkAuthorization(given: GivenOptions, errors: string[]): void {
  const { authorization_file: path } = optionsOf(given, AUTHORIZATION_OPTIONS);
  if (path === '') return;
  const { authorization, errors: mistakes = [] } = readAuthorizationNow(path, { read: readConfigFile, ...given });
  errors.push(...mistakes);
  const [metrics] = given.options.metrics_port === -1 ? [] : givenOf(['metrics_port'], given);
  if (metrics !== undefined) {
    errors.push(`${metrics.place} asks nobody who they are; with --authorization_file the REST port serves metrics`);
  }
  if (authorization === undefined) return;
  errors.push(...authorizationConflicts(path, authorization, given.tls));
  given.facts.set(AUTHORIZATION, authorization);
}

export function authorizationConflicts(
  path: string,
  { rules }: Authorization,
  tls: TlsAtStart | undefined,
): readonly string[] {
  const named = rules.principals.find(({ certificates }) => certificates !== undefined);
  if (named === undefined || tls?.config.verifyClient === true || tls?.config.asksClient === true) return [];
  const fix = 'give --tls_client_ca_file';
  return [`${path}: "${named.name}" has certificates, but no client is asked for one; ${fix}, or give it keys`];
}

export function authorizationWarnings({ options, tls, isRestTls, facts }: GivenOptions): readonly string[] {
  const { bind_address: address } = options;
  const principals = facts.get(AUTHORIZATION)?.rules.principals ?? [];
  const hasTokens = principals.some(({ keys, tokens }) => keys !== undefined || tokens !== undefined);
  const isLocal = address === '::1' || address === 'localhost' || address.startsWith('127.');
  const plain = [...(tls === undefined ? ['gRPC'] : []), ...(isRestTls ? [] : ['REST'])];
  if (!hasTokens || isLocal || plain.length === 0) return [];
  const fix = 'use TLS, or let a proxy or mesh do so';
  return [`keys and tokens come to the ${plain.join(' and ')} port in the clear; ${fix}`];
}
