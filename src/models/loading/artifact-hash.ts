/** A hash of a version's files, to know them again at another start. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fingerprintOf } from '../versions/artifact-fingerprint.ts';

/** A hash of the names and bytes of all files below `directory`, in the order of their names, as hex digits. */
export async function artifactHash(directory: string): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const path of paths.sort()) {
    hash.update(`\0${relative(directory, path)}\0`);
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  }
  return hash.digest('hex');
}

/** The hash of the bytes that were opened; undefined if nobody knows which those were. */
export type HashArtifact = () => Promise<string | undefined>;

/**
 * Call it before the version is opened. The function that it resolves with hashes the files afterwards, once however
 * often it is called: undefined if they have changed meanwhile.
 */
export async function artifactHasher(directory: string): Promise<HashArtifact> {
  const before = await fingerprintOf(directory);
  const read = async (): Promise<string | undefined> => {
    const hash = await artifactHash(directory);
    return (await fingerprintOf(directory)).text === before.text ? hash : undefined;
  };
  let hash: Promise<string | undefined> | undefined;
  return () => (hash ??= read());
}
