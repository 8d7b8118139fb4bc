/** A key or token: in a file, of --admin_token_file or for a command that asks a server, and as the hash of one. */
import { createHash } from 'node:crypto';
import type { FileResult } from './config-file.ts';

/** A secret has at least 128 bits of base64url. */
const TOKEN = /^[A-Za-z0-9._~+/-]{22,1024}=*$/;

/** No error text shows the token. */
export function secretIn(
  path: string,
  { bytes, error }: FileResult,
): { readonly token: string; readonly error?: undefined } | { readonly error: string; readonly token?: undefined } {
  if (bytes === undefined) return { error };
  const token = bytes.toString().trim();
  if (TOKEN.test(token)) return { token };
  const wants = 'it wants one line of 22 characters or more: letters, digits and ._~+/-';
  return { error: `${path}: this is no key or token; ${wants}; \`pillion key new\` makes one` };
}

/** A key's hash as files have it. A key has 256 random bits, so a fast hash is enough. */
export function hashOfKey(key: string): string {
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}
