/** Authorization files for tests: their keys, and an issuer of JWTs with its key set. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JWTPayload, SignJWT } from 'jose';

export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'pillion';

/** A rule as the file has it. */
export interface RuleEntry {
  readonly models: readonly string[];
  readonly methods: readonly string[];
  readonly surfaces?: readonly string[];
}

export interface PrincipalEntry {
  readonly name: string;
  readonly keys?: readonly string[];
  readonly certificates?: readonly Readonly<Record<string, string>>[];
  readonly tokens?: readonly Readonly<Record<string, string>>[];
  readonly may: readonly RuleEntry[];
}

export interface Issuer {
  /** The content of a jwks_file. */
  readonly jwks: string;
  /** A token of this issuer; `claims` override those of a good one. Undefined takes a claim away. */
  token(claims?: JWTPayload, algorithm?: string): Promise<string>;
}

export function createIssuer(kid = 'k1'): Issuer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    jwks: JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid }] }),
    token: (claims = {}, alg = 'ES256') => {
      const now = Math.floor(Date.now() / 1000);
      const payload = { iss: ISSUER, aud: AUDIENCE, exp: now + 600, ...claims };
      return new SignJWT(JSON.parse(JSON.stringify(payload)) as JWTPayload)
        .setProtectedHeader({ alg, kid })
        .sign(privateKey);
    },
  };
}

/** Writes authorization.yaml and, with an issuer, jwks.json. Returns the path of the first. JSON is YAML. */
export function writeAccessFile(directory: string, principals: readonly PrincipalEntry[], issuer?: Issuer): string {
  const path = join(directory, 'authorization.yaml');
  if (issuer !== undefined) writeFileSync(join(directory, 'jwks.json'), issuer.jwks);
  const jwt = { jwks_file: 'jwks.json', issuer: ISSUER, audience: AUDIENCE, algorithms: ['ES256'], leeway_seconds: 0 };
  writeFileSync(path, JSON.stringify({ ...(issuer !== undefined && { jwt }), principals }, undefined, 1));
  return path;
}
