/**
 * The credential that a request carries in its headers: an API key or a JWT, as `authorization: Bearer TOKEN` or as
 * `x-api-key: TOKEN`. One that cannot be read is refused and never taken for none: a weaker identity must not step in,
 * and two servers must not disagree about which of two is meant.
 */
import { ServingError } from '../core/errors.ts';

export const AUTHORIZATION = 'authorization';
export const API_KEY = 'x-api-key';

/** Undefined = none was sent; an error if it cannot be read. */
export type SentToken = string | undefined | ServingError;

/** RFC 6750's b64token. It has neither comma nor space, so that a header that was sent twice is none. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
const BEARER = /^bearer +/i;
/** Room for a JWT with many claims. */
const MAX_LENGTH = 8192;

/** The headers' values; those of a header that was sent several times are joined by commas. */
export function sentToken(authorization: string | undefined, apiKey: string | undefined): SentToken {
  if (authorization === undefined && apiKey === undefined) return undefined;
  if (authorization !== undefined && apiKey !== undefined) {
    return unreadable(`the request has both ${AUTHORIZATION} and ${API_KEY}; send one of them`);
  }
  if (apiKey !== undefined) return isToken(apiKey) ? apiKey : unreadable(`${API_KEY} wants one key, and nothing else`);
  const scheme = BEARER.exec(authorization!)?.[0];
  const token = authorization!.slice(scheme?.length ?? 0);
  if (scheme !== undefined && isToken(token)) return token;
  return unreadable(`${AUTHORIZATION} wants "Bearer", a space and one key or JWT, once`);
}

function isToken(text: string): boolean {
  return text.length <= MAX_LENGTH && TOKEN.test(text);
}

function unreadable(text: string): ServingError {
  return new ServingError('unauthenticated', text, { attributes: { reason: 'unreadable' } });
}
