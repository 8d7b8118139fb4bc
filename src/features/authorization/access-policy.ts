/** The authorization file, ready to be asked: credentials → principals. Never changes; a new file makes a new one. */
import { createHmac, randomBytes } from 'node:crypto';
import { hashOfKey } from '../../config/secret-file.ts';
import type { Clock } from '../../core/clock.ts';
import type { CertificateNames } from '../../proxy/peer-identity.ts';
import type { Authorization } from './authorization.ts';
import type { AuthorizationRules } from './authorization-schema.ts';
import { isBelow } from './dead-rules.ts';
import { FilePrincipal } from './principal.ts';
import { type Claims, TokenVerifier } from './token-verifier.ts';

type PrincipalEntry = AuthorizationRules['principals'][number];

interface Named {
  readonly principal: FilePrincipal;
  readonly entry: PrincipalEntry;
}

export class AccessPolicy {
  /** Undefined if the file has no `jwt`. */
  readonly tokens: TokenVerifier | undefined;
  readonly #named: readonly Named[];
  /**
   * Principals by a MAC of the key's hash, under a secret of this process. No caller can compute the MAC that a look-up
   * compares, so the look-up's time tells nothing about a key.
   */
  readonly #byKey = new Map<string, FilePrincipal>();
  readonly #secret = randomBytes(32);

  constructor({ rules, keySet }: Pick<Authorization, 'rules' | 'keySet'>, clock: Clock) {
    this.#named = rules.principals.map((entry) => ({ entry, principal: new FilePrincipal(entry.name, entry.may) }));
    for (const { principal, entry } of this.#named) {
      for (const key of entry.keys ?? []) this.#byKey.set(this.#macOf(key), principal);
    }
    if (rules.jwt === undefined || keySet === undefined) return;
    const principalOf = (claims: Claims): FilePrincipal | undefined => this.#ofClaims(claims);
    this.tokens = new TokenVerifier({ rules: rules.jwt, keySet, clock, principalOf });
  }

  ofKey(key: string): FilePrincipal | undefined {
    return this.#byKey.get(this.#macOf(hashOfKey(key)));
  }

  /** The first principal of the file that has one of the names. */
  ofCertificate(names: CertificateNames): FilePrincipal | undefined {
    return this.#named.find(({ entry }) =>
      entry.certificates?.some(({ spiffe, dns, cn }) => {
        if (spiffe !== undefined) return names.spiffe !== undefined && fitsSpiffe(spiffe, names.spiffe);
        return dns !== undefined ? names.dns.includes(dns) : cn === names.commonName;
      }),
    )?.principal;
  }

  #ofClaims(claims: Claims): FilePrincipal | undefined {
    return this.#named.find(({ entry }) =>
      entry.tokens?.some((wanted) => [...wanted].every(([claim, value]) => hasClaim(claims, claim, value))),
    )?.principal;
  }

  #macOf(hash: string): string {
    return createHmac('sha256', this.#secret).update(hash).digest('base64');
  }
}

function fitsSpiffe(pattern: string, id: string): boolean {
  return pattern === id || isBelow(pattern, id);
}

/** RFC 8693, 4.2: the value of `scope` is words with spaces between them. */
function hasClaim(claims: Claims, claim: string, wanted: string): boolean {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  if (Array.isArray(value)) return value.includes(wanted);
  if (claim === 'scope' && typeof value === 'string') return value.split(' ').includes(wanted);
  return value === wanted;
}
