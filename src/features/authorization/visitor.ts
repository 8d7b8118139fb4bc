/**
 * Finds out who sends the requests of one connection. A connection's certificate is looked up once, and a token that is
 * the same as that of the request before costs one comparison.
 *
 *   a token in the headers   an API key, else a JWT; one that is unknown is refused, whatever the certificate says
 *   else                     the client certificate of the connection
 */
import type { Clock } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import type { Identity, Visitor } from '../../proxy/access-control.ts';
import type { CertificateNames } from '../../proxy/peer-identity.ts';
import type { SentToken } from '../../proxy/sent-token.ts';
import type { AccessPolicy } from './access-policy.ts';

/** A JWT is three parts of base64url. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** The policy of the moment. */
interface PolicyInForce {
  readonly policy: AccessPolicy;
  readonly clock: Clock;
}

export class FileVisitor implements Visitor {
  readonly #inForce: PolicyInForce;
  readonly #certificate: CertificateNames | undefined;
  // The answer to the last question, and for how long it holds.
  #policy: AccessPolicy | undefined;
  #token: SentToken;
  #identity: Identity | Promise<Identity> | undefined;
  #until = Infinity;

  /** `certificate`: the names of the connection's certificate; undefined if it has none. */
  constructor(inForce: PolicyInForce, certificate: CertificateNames | undefined) {
    this.#inForce = inForce;
    this.#certificate = certificate;
  }

  /** A promise, which never rejects, for a JWT that is new. */
  identify(token: SentToken): Identity | Promise<Identity> {
    const { policy, clock } = this.#inForce;
    const isSame = token === this.#token && policy === this.#policy;
    if (isSame && this.#identity !== undefined && (this.#until === Infinity || clock.wallMs() < this.#until)) {
      return this.#identity;
    }
    this.#policy = policy;
    this.#token = token;
    this.#until = Infinity;
    this.#identity = this.#find(policy, token);
    return this.#identity;
  }

  #find(policy: AccessPolicy, token: SentToken): Identity | Promise<Identity> {
    if (token instanceof ServingError) return token;
    if (token === undefined) return this.#byCertificate(policy);
    const principal = policy.ofKey(token);
    if (principal !== undefined) return principal;
    if (policy.tokens === undefined || !JWT.test(token)) return unknownKey();
    const known = policy.tokens.known(token);
    if (known === undefined) return this.#verify(policy, token);
    this.#until = known.expiresAt;
    return known.principal;
  }

  async #verify(policy: AccessPolicy, token: string): Promise<Identity> {
    const verified = await policy.tokens!.verify(token);
    if (this.#token === token && this.#policy === policy) {
      // A refused token may become valid (nbf). A valid one is asked for anew, and found with its end.
      this.#identity = undefined;
    }
    return verified instanceof ServingError ? verified : verified.principal;
  }

  #byCertificate(policy: AccessPolicy): Identity {
    if (this.#certificate === undefined) return noCredential();
    return policy.ofCertificate(this.#certificate) ?? unknownCertificate();
  }
}

function noCredential(): ServingError {
  const text =
    'the request does not say who sends it; send "authorization: Bearer TOKEN" with a key or JWT, or a key as x-api-key';
  return new ServingError('unauthenticated', text, { attributes: { reason: 'none' } });
}

function unknownKey(): ServingError {
  return new ServingError('unauthenticated', 'this key is not known here; send one that is in the authorization file', {
    attributes: { reason: 'key' },
  });
}

function unknownCertificate(): ServingError {
  const text = 'the client certificate names nobody whom this server knows; send a key or JWT, or another certificate';
  return new ServingError('unauthenticated', text, { attributes: { reason: 'certificate' } });
}
