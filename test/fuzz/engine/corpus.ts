/** The kept inputs of a target, in test/fuzz/corpora/TARGET.txt: one a line, in base64, sorted. */
import { Buffer } from 'node:buffer';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Below the root; the compiled file is one directory deeper. */
const DIRECTORY = fileURLToPath(new URL('../../../../test/fuzz/corpora', import.meta.url));

/** Names of targets that have a corpus. */
export function corpusNames(): readonly string[] {
  return readdirSync(DIRECTORY).map((file) => file.replace(/\.txt$/, ''));
}

export function readCorpus(target: string): readonly Buffer[] {
  const file = join(DIRECTORY, `${target}.txt`);
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line, 'base64'));
}

export function writeCorpus(target: string, inputs: readonly Uint8Array[]): void {
  const lines = inputs.filter(({ length }) => length > 0).map((input) => Buffer.from(input).toString('base64'));
  writeFileSync(join(DIRECTORY, `${target}.txt`), `${lines.sort().join('\n')}\n`);
}
