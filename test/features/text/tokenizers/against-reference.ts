/** Encodes texts by a tokenizer of ours and by PyPI's `tokenizers`, and tells where they differ. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

export type Sample = string | readonly [string, string];

/** Ids of tokens, their types, and in turn the first character and the end of each in its text. */
export interface Encoded {
  readonly ids: Int32Array;
  readonly typeIds: Int32Array;
  readonly offsets: Int32Array;
}

export interface Compared {
  readonly name: string;
  /** Its tokenizer.json. */
  readonly path: string;
  readonly encode: (sample: Sample) => Encoded | Promise<Encoded>;
}

export interface Difference {
  readonly sample: Sample;
  readonly got: string;
  readonly wanted: string;
}

const REFERENCE = 'test/features/text/tokenizers/reference.py';

/** Trains those of these names, writes them below the directory, and gives their paths by name. */
export async function trainTokenizers(
  python: string,
  directory: string,
  names: readonly string[],
  charsmapOf = '',
): Promise<ReadonlyMap<string, string>> {
  await promisify(execFile)(python, [REFERENCE, 'train', directory, charsmapOf, ...names]);
  return new Map(names.map((name) => [name, join(directory, name, 'tokenizer.json')]));
}

/** The names of all that can be trained. */
export const TRAINED: readonly string[] = [
  ...['wordpiece-uncased', 'wordpiece-cased', 'byte-level-bpe', 'roberta-bpe', 'unigram-nfkc', 'unigram-precompiled'],
  ...['sentencepiece-bpe', 'word-level'],
];

/** Asserts that each encodes every sample as the reference does. `directory` is for the files between the two. */
export async function assertEqualToReference(
  python: string,
  directory: string,
  samples: readonly Sample[],
  tokenizers: readonly Compared[],
): Promise<void> {
  const texts = join(directory, 'texts.json');
  const out = join(directory, 'encoded');
  mkdirSync(out, { recursive: true });
  writeFileSync(texts, JSON.stringify(samples));
  await promisify(execFile)(python, [REFERENCE, 'encode', texts, out, ...tokenizers.map(({ path }) => path)]);
  for (const [i, tokenizer] of tokenizers.entries()) {
    const differences = await differencesOf(tokenizer, samples, readNumbers(join(out, `${i}.bin`)));
    const { length } = differences;
    assert.equal(length, 0, `${tokenizer.name}: ${length} of ${samples.length} differ: ${shown(differences)}`);
  }
}

async function differencesOf(
  { encode }: Compared,
  samples: readonly Sample[],
  wanted: Uint32Array,
): Promise<readonly Difference[]> {
  const differences: Difference[] = [];
  let at = 0;
  for (const sample of samples) {
    const count = wanted[at]!;
    const want = wanted.subarray(at + 1, at + 1 + 4 * count);
    at += 1 + 4 * count;
    const { ids, typeIds, offsets } = await encode(sample);
    const got = Uint32Array.from([...ids, ...typeIds, ...offsets]);
    const isEqual = got.length === want.length && got.every((number, i) => number === want[i]);
    if (!isEqual) differences.push({ sample, got: got.join(' '), wanted: want.join(' ') });
  }
  assert.equal(at, wanted.length);
  return differences;
}

function readNumbers(path: string): Uint32Array {
  const bytes = readFileSync(path);
  return new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

function shown(differences: readonly Difference[]): string {
  return differences
    .slice(0, 3)
    .map(
      ({ sample, got, wanted }) =>
        `\n${JSON.stringify(sample).slice(0, 200)}\n  got  ${got.slice(0, 300)}\n  want ${wanted.slice(0, 300)}`,
    )
    .join('');
}
