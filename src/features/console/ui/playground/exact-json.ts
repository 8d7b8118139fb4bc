/**
 * Numbers that a browser would change without a word: integers beyond 2^53, and what is no number of JSON. Typed ones are
 * refused, those of an answer become texts, which show every digit. Pure.
 */

/** Texts of JSON, which are left alone, and numbers. */
const TOKENS = /"(?:[^"\\]|\\.)*"?|-?\b(?:NaN|Infinity|Inf)\b|-?\d[\d.eE+-]*/g;
const INTEGER = /^-?\d+$/;

/** Numbers of these have no digits after 2^53 to lose: what is sent is the nearest one in any case. */
const isFloat = (dtype: string): boolean => /float|double|half/.test(dtype);

/** The reason why the page does not send this number of a dtype; undefined = it does. */
export function inexact(number: string, dtype: string): string | undefined {
  if (!Number.isFinite(Number(number))) {
    return `${number} is no number of JSON, so this page cannot send it; the code of a client can, as text of the body`;
  }
  if (!isUnsafe(number) || isFloat(dtype)) return undefined;
  return `${number} is beyond 2^53, where a page rounds integers; send it by a client`;
}

/** Reads what somebody typed. Throws an Error for people, also where a number would be sent as another one. */
export function parseTyped(text: string, dtype: string): unknown {
  for (const [token] of text.matchAll(TOKENS)) {
    const reason = token.startsWith('"') ? undefined : inexact(token, dtype);
    if (reason !== undefined) throw new Error(reason);
  }
  return JSON.parse(text);
}

/** Reads an answer: numbers that a page cannot hold are texts of their digits. Throws a SyntaxError if it is no JSON. */
export function parseAnswer(text: string): unknown {
  return JSON.parse(text.replace(TOKENS, (token) => (holds(token) ? token : JSON.stringify(token))));
}

/** True if a page can hold all numbers of a text of JSON. */
export function isExact(text: string): boolean {
  return (text.match(TOKENS) ?? []).every(holds);
}

function holds(token: string): boolean {
  return token.startsWith('"') || (Number.isFinite(Number(token)) && !isUnsafe(token));
}

function isUnsafe(token: string): boolean {
  return INTEGER.test(token) && !Number.isSafeInteger(Number(token));
}
