/** A hash of a version's files, to know them again at another start. */
import { Buffer } from 'node:buffer';
import { createHash, type Hash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fingerprintOf } from '../versions/artifact-fingerprint.ts';

/** Bytes that are read at once, into the same memory for all files. More would hold up requests while they are hashed. */
const CHUNK_BYTES = 256 * 1024;

/** A hash of the names and bytes of all files below `directory`, in the order of their names, as hex digits. */
export async function artifactHash(directory: string): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  for (const path of paths.sort()) {
    hash.update(`\0${relative(directory, path)}\0`);
    await addFile(hash, path, chunk);
  }
  return hash.digest('hex');
}

async function addFile(hash: Hash, path: string, chunk: Buffer): Promise<void> {
  const file = await open(path, 'r');
  try {
    let { bytesRead } = await file.read(chunk);
    while (bytesRead > 0) {
      hash.update(chunk.subarray(0, bytesRead));
      ({ bytesRead } = await file.read(chunk));
    }
  } finally {
    await file.close();
  }
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
