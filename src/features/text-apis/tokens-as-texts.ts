/**
 * Lists of tokens as texts that have just these tokens: they are decoded, and tokenized again to see that they are the
 * same. Not each list is some text's: one of another vocabulary is refused, and would have given a wrong embedding.
 *
 *   [red, cat]                ─▶ "red cat"    the run adds the special tokens, as it does to every text
 *   [CLS, red, cat, SEP]      ─▶ "red cat"    they are there already: they are taken off, and the run adds them again
 */
import { ServingError } from '../../core/errors.ts';
import type { Encoded, TextModel, TokenizerUser } from '../text/exported/text-model.ts';
import { wrongField } from './text-body.ts';

/** Rejects with ServingError, or with the cancel reason. */
export async function textsOfTokens(
  model: TextModel,
  lists: readonly Int32Array[],
  user: TokenizerUser,
): Promise<readonly string[]> {
  checkCount(model, lists);
  const added = await addedTokens(model, user);
  const own = lists.map((list) => withoutAdded(list, added));
  const texts = await model.decode(own, user);
  checkCharacters(model, texts);
  const rows = texts.map((text) => ({ text }));
  const encoded = await model.tokenize(rows, { addsSpecialTokens: false }, user);
  for (const [i, { ids }] of encoded.entries()) if (!areEqual(ids, own[i]!)) throw notOurs(i);
  return texts;
}

/** The special tokens that the tokenizer puts around a text; either may be none. */
interface AddedTokens {
  readonly before: Int32Array;
  readonly behind: Int32Array;
}

/** Any text shows them that has a token of its own. */
const SAMPLE = { text: 'a' };
const ADDED = new WeakMap<TextModel, AddedTokens>();

/** Asks the tokenizer once for each model. Rejects as `tokenize` does. */
async function addedTokens(model: TextModel, user: TokenizerUser): Promise<AddedTokens> {
  const known = ADDED.get(model);
  if (known !== undefined) return known;
  const [{ ids, special }] = (await model.tokenize([SAMPLE], { hasOffsets: true }, user)) as readonly [Encoded];
  const [first, last] = [special.indexOf(0), special.lastIndexOf(0)];
  const added = { before: ids.slice(0, Math.max(first, 0)), behind: ids.slice(last === -1 ? ids.length : last + 1) };
  ADDED.set(model, added);
  return added;
}

/** The tokens between the special ones, where all of these stand around them; else the list as it is. */
function withoutAdded(list: Int32Array, { before, behind }: AddedTokens): Int32Array {
  const end = list.length - behind.length;
  const isAround = end >= before.length && areEqual(list.subarray(0, before.length), before);
  return isAround && areEqual(list.subarray(end), behind) ? list.subarray(before.length, end) : list;
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
