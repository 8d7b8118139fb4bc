/**
 * `pillion key new`: a random key, for an authorization file or as the operators' token. The key goes to standard
 * output alone, so that it can be written to a file; its hash, which the authorization file wants, to standard error.
 */
import { randomBytes } from 'node:crypto';
import process from 'node:process';
import { hashOfKey } from '../config/secret-file.ts';

const KEY_BYTES = 32;

/** 256 random bits as base64url. */
export function newKey(): { readonly key: string; readonly hash: string } {
  const key = randomBytes(KEY_BYTES).toString('base64url');
  return { key, hash: hashOfKey(key) };
}

/** Writes a new key and its hash. */
export function printNewKey(): void {
  const { key, hash } = newKey();
  process.stdout.write(`${key}\n`);
  process.stderr.write(`for the authorization file: ${hash}\n`);
}
