/**
 * Three tokenizers that are trained here make the same tokens of a few hundred texts as PyPI's `tokenizers`, alone and in
 * pairs. `npm test -- tokenizers` compares twenty on ten thousand.
 */
import assert from 'node:assert/strict';
import process from 'node:process';
import { it } from 'node:test';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { assertEqualToReference, trainTokenizers } from './against-reference.ts';
import { nativeTokenizer } from './native.ts';
import { pairsOf, textsFor } from './texts.ts';

it('makes the tokens that the Python package makes', async (t) => {
  const python = process.env['PILLION_TEST_PYTHON'];
  assert.ok(python, 'PILLION_TEST_PYTHON names the environment of test/clients/requirements.txt; npm test sets it');
  const directory = tempDirectory(t);
  const names = ['wordpiece-uncased', 'roberta-bpe', 'unigram-nfkc'];
  const trained = await trainTokenizers(python, directory, names);
  const texts = textsFor(400, 2);
  const tokenizers = [...trained].map(([name, path]) => nativeTokenizer(name, path));
  await assertEqualToReference(python, directory, [...texts, ...pairsOf(texts)], tokenizers);
});
