/**
 * A JSON Web Key Set (RFC 7517) of public keys, checked when it is read: a key that cannot be used would only show when
 * every token is refused. No error text shows a part of a key.
 */
import { Buffer } from 'node:buffer';
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';

/** A key set as jose takes it. */
export interface KeySet {
  keys: (JsonWebKey & { kty: string })[];
}

const MAX_KEYS = 100;
const LEAST_RSA_BITS = 2048;

/** Adds to `errors`, and returns undefined, if the file has a mistake, or no key for any of the algorithms. */
export function readKeySet(
  path: string,
  bytes: Uint8Array,
  algorithms: readonly string[],
  errors: string[],
): KeySet | undefined {
  const before = errors.length;
  const keys = keysIn(bytes);
  if (keys === undefined) {
    errors.push(`${path}: it is no JSON Web Key Set; it wants {"keys": [...]} with 1 to ${MAX_KEYS} keys`);
    return undefined;
  }
  const kinds = keys.map((key, i) => {
    const found = kindOf(key);
    if ('problem' in found) errors.push(`${path}: key ${i + 1} ${found.problem}`);
    return 'kind' in found ? found.kind : '';
  });
  const ids = keys.map(({ kid }) => kid).filter((kid) => kid !== undefined);
  if (new Set(ids).size < ids.length) errors.push(`${path}: two keys have the same kid; give each its own`);
  if (errors.length === before && !algorithms.some((algorithm) => kinds.includes(kindFor(algorithm)))) {
    errors.push(`${path}: no key is one of ${algorithms.join(', ')}; change algorithms, or the keys`);
  }
  return errors.length === before ? { keys: keys as KeySet['keys'] } : undefined;
}

function keysIn(bytes: Uint8Array): readonly JsonWebKey[] | undefined {
  try {
    const { keys } = JSON.parse(Buffer.from(bytes).toString()) as { keys?: unknown };
    const isList = Array.isArray(keys) && keys.length > 0 && keys.length <= MAX_KEYS;
    return isList && keys.every((key) => typeof key === 'object' && key !== null) ? keys : undefined;
  } catch {
    return undefined;
  }
}

function kindOf(key: JsonWebKey): { readonly kind: string } | { readonly problem: string } {
  if (key.kty === 'oct') return { problem: 'is a shared secret; only public keys are taken' };
  if (key.d !== undefined)
    return { problem: 'is a private key; leave that to the issuer, and put its public part here' };
  let read: KeyObject;
  try {
    read = createPublicKey({ key, format: 'jwk' });
  } catch {
    return { problem: 'cannot be read; it wants kty RSA, EC or OKP with their parts' };
  }
  const { modulusLength = 0 } = read.asymmetricKeyDetails ?? {};
  if (key.kty === 'RSA' && modulusLength < LEAST_RSA_BITS) {
    return { problem: `has ${modulusLength} bits; RSA wants ${LEAST_RSA_BITS} or more` };
  }
  return { kind: key.crv ?? String(key.kty) };
}

/** The kind of key that an algorithm signs with: RSA, or a curve. */
function kindFor(algorithm: string): string {
  const curves: Readonly<Record<string, string>> = {
    ES256: 'P-256',
    ES384: 'P-384',
    ES512: 'P-521',
    EdDSA: 'Ed25519',
  };
  return curves[algorithm] ?? 'RSA';
}
