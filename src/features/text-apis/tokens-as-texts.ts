/**
 * Lists of tokens as texts that have just these tokens: they are decoded, and tokenized again to see that they are the
 * same. Not each list is some text's: one of another vocabulary is refused, and would have given a wrong embedding.
 */
import { ServingError } from '../../core/errors.ts';
import type { TextModel, TokenizerUser } from '../text/exported/text-model.ts';
import { wrongField } from './text-body.ts';

/** Rejects with ServingError, or with the cancel reason. */
export async function textsOfTokens(
  model: TextModel,
  lists: readonly Int32Array[],
  user: TokenizerUser,
): Promise<readonly string[]> {
  checkCount(model, lists);
  const texts = await model.decode(lists, user);
  checkCharacters(model, texts);
  const rows = texts.map((text) => ({ text }));
  const encoded = await model.tokenize(rows, { addsSpecialTokens: false }, user);
  for (const [i, { ids }] of encoded.entries()) if (!areEqual(ids, lists[i]!)) throw notOurs(i);
  return texts;
}

function checkCount({ limits, maxTokens }: TextModel, lists: readonly Int32Array[]): void {
  // A tokenized text has no more.
  const long = lists.findIndex(({ length }) => length > maxTokens);
  if (long !== -1) {
    const has = `list ${long} has ${lists[long]!.length} tokens`;
    throw wrongField('input', `${has}, and ${maxTokens} are the most that the model takes; send fewer`);
  }
  const tokens = lists.reduce((sum, { length }) => sum + length, 0);
  if (lists.length <= limits.texts && tokens <= limits.tokens) return;
  const most = `the model takes ${limits.texts} texts and ${limits.tokens} tokens in a request`;
  throw new ServingError('too_large', `there are ${lists.length} lists of ${tokens} tokens, and ${most}; send fewer`);
}

/** A token may be long, so that few tokens are a text beyond its limit. */
function checkCharacters({ limits }: TextModel, texts: readonly string[]): void {
  const all = texts.reduce((sum, { length }) => sum + length, 0);
  const long = texts.findIndex(({ length }) => length > 2 * limits.charactersPerText);
  if (long === -1 && all <= 2 * limits.characters) return;
  const which = long === -1 ? 'the lists are' : `list ${long} is`;
  const most = `${limits.charactersPerText} in a text and ${limits.characters} in all`;
  throw new ServingError('too_large', `${which} of more characters than the model takes: ${most}; send fewer tokens`);
}

function areEqual(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

function notOurs(list: number): ServingError {
  const text = `the tokens of list ${list} are not those of any text that this model takes`;
  return wrongField('input', `${text}: they may be of another vocabulary, or too many; send texts`);
}
