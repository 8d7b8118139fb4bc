/**
 * Checks JWTs (RFC 7519) by the library jose, with keys from a file: signature by one of the allowed algorithms, issuer,
 * audience, exp (which a token must have) and nbf. Checked tokens are remembered until they expire.
 */
import type { createLocalJWKSet } from 'jose';
import { type Clock, wallDate } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import type { AuthorizationRules } from './authorization-schema.ts';
import type { KeySet } from './key-set.ts';
import type { FilePrincipal } from './principal.ts';

export type Claims = Readonly<Record<string, unknown>>;

export interface TokenVerifierOptions {
  readonly rules: NonNullable<AuthorizationRules['jwt']>;
  readonly keySet: KeySet;
  readonly clock: Clock;
  /** Undefined if nobody has these claims. */
  readonly principalOf: (claims: Claims) => FilePrincipal | undefined;
}

/** A token that was checked. */
export interface Verified {
  readonly principal: FilePrincipal;
  /** Wall time in ms, the leeway included. */
  readonly expiresAt: number;
}

/** Only checked tokens are remembered, so nobody without one can fill this. */
const MAX_REMEMBERED = 1024;

export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  #keys: ReturnType<typeof createLocalJWKSet> | undefined;
  readonly #verified = new Map<string, Verified>();

  constructor(options: TokenVerifierOptions) {
    this.#options = options;
  }

  /** Finds a token that was checked before, and has not expired. */
  known(token: string): Verified | undefined {
    const found = this.#verified.get(token);
    if (found === undefined || this.#options.clock.wallMs() < found.expiresAt) return found;
    this.#verified.delete(token);
    return undefined;
  }

  /** Never rejects. */
  async verify(token: string): Promise<Verified | ServingError> {
    const { rules, keySet, clock, principalOf } = this.#options;
    const { issuer, audience, algorithms, leeway_seconds: leeway } = rules;
    try {
      // Most servers have no tokens, and start sooner without it.
      const { createLocalJWKSet, jwtVerify } = await import('jose');
      this.#keys ??= createLocalJWKSet(keySet);
      const { payload } = await jwtVerify(token, this.#keys, {
        issuer,
        audience,
        algorithms: [...algorithms],
        clockTolerance: leeway,
        currentDate: wallDate(clock),
        requiredClaims: ['exp'],
      });
      const principal = principalOf(payload);
      if (principal === undefined) return refused('the token is valid, but names nobody whom this server knows');
      const verified = { principal, expiresAt: (payload.exp! + leeway) * 1000 };
      if (this.#verified.size === MAX_REMEMBERED) this.#verified.clear();
      this.#verified.set(token, verified);
      return verified;
    } catch (thrown) {
      // Only this reason is given: the library's other texts would tell a forger how far they came.
      const isExpired = (thrown as { readonly code?: unknown }).code === 'ERR_JWT_EXPIRED';
      return isExpired ? refused('the token has expired; send a new one') : refused();
    }
  }
}

function refused(text = 'the token is not accepted; send one that its issuer made for this server'): ServingError {
  return new ServingError('unauthenticated', text, { attributes: { reason: 'token' } });
}
