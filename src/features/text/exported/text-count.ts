/** The bound on how many texts a request has, for whoever makes something of each of them. */
import { ServingError } from '../../../core/errors.ts';
import type { TextModel } from './text-model.ts';

/**
 * Throws `too_large` for more texts than the model's limit. `pairs`: the second texts; an empty one is no text, but as the
 * document of a ranking.
 */
export function checkTextCount(
  { limits, task }: Pick<TextModel, 'limits' | 'task'>,
  texts: number,
  pairs: readonly { readonly length: number }[] = [],
): void {
  const count = texts + pairs.filter(({ length }) => task === 'reranking' || length > 0).length;
  if (count <= limits.texts) return;
  throw new ServingError(
    'too_large',
    `the request has ${count} texts, and ${limits.texts} are the most; send them in several requests`,
  );
}
