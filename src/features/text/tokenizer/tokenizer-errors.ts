/** The errors of texts that cannot be tokenized, and of tokenizers that cannot be read. */
import { ServingError } from '../../../core/errors.ts';

/** Says whose texts they are. */
export function ofTexts(error: ServingError, first: number, count: number): ServingError {
  if (error.kind !== 'worker_crashed' && error.kind !== 'backend_failed') return error;
  const which = count === 1 ? `text ${first}` : `one of the texts ${first} to ${first + count - 1}`;
  return new ServingError(error.kind, `${which} cannot be tokenized: ${error.message}`, { cause: error });
}

export function tooLate(): ServingError {
  return new ServingError('deadline_exceeded', 'the deadline passed before the text was tokenized', {
    attributes: { stage: 'admit' },
  });
}

/** `texts` of `all` texts have been tokenized, equal ones once. */
export function tooManyTokens(tokens: number, most: number, texts: number, all: number): ServingError {
  const which = texts === all ? 'the texts' : `the first ${texts} of ${all} texts`;
  return new ServingError(
    'too_large',
    `${which} have ${tokens} tokens together, and ${most} are the most; send fewer at once`,
  );
}

export function tookTooLong(ms: number): ServingError {
  return new ServingError(
    'backend_failed',
    `it took the model's tokenizer more than ${Math.round(ms)} ms; do not send it again`,
  );
}

export function tooLong(file: string, mostMs: number): ServingError {
  return new ServingError('load_failed', `${file} was not read within ${mostMs / 1000} s, so its process was ended`);
}

export function tooMany(most: number): ServingError {
  return new ServingError('overloaded', `${most} slices of texts wait for the model's tokenizer, which is the most`, {
    retryAfterMs: 1000,
  });
}
