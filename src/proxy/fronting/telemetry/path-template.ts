/**
 * The route behind a path, as far as a path tells it. A segment that reads like a word of an API stays, and every other
 * becomes `{id}`: numbers, UUIDs, hex, dates, addresses, tokens, escaped text.
 *
 *   /users/17/orders/2026-11-30   →   /users/{id}/orders/{id}
 *   /assets/index-3f2a91c.js      →   /assets/{id}.js
 *   /v1/charge                    →   /v1/charge
 *
 * It has letters, digits and `._~-{}/…` alone, and at most MOST_CHARS of them, whatever the path has. Pure.
 */

const MOST_SEGMENTS = 8;
const MOST_CHARS = 96;
const MOST_WORD_CHARS = 32;
/** A mark at most, letters with marks between them, two digits at the end: `_next`, `log-in`, `oauth2`. */
const WORD = /^[._~-]?[A-Za-z]+(?:[._~-][A-Za-z]+)*[._~-]?\d{0,2}$/;
const VERSION = /^v\d{1,2}(?:\.\d{1,2})?$/;
const HEX = /^[0-9A-Fa-f]{8,}$/;
/** A token of letters has no marks, and no word of an API is so long or changes its case so often. */
const TOKEN = /^[A-Za-z0-9]{20,}$|(?:[a-z][A-Z]+){4}/;
const EXTENSION = /\.[a-z]{1,5}\d?$/;

/** @param path without its query */
export function pathTemplate(path: string): string {
  if (path === '*') return path;
  const segments = path.split('/', MOST_SEGMENTS + 2).slice(1);
  const isCut = segments.length > MOST_SEGMENTS;
  const named = segments.slice(0, MOST_SEGMENTS).map(segmentTemplate);
  let template = '';
  for (const segment of named) {
    if (template.length + segment.length + 1 > MOST_CHARS - 2) return `${template}/…`;
    template += `/${segment}`;
  }
  return isCut ? `${template}/…` : template;
}

function segmentTemplate(segment: string): string {
  if (segment === '' || isWord(segment)) return segment;
  const extension = segment.length <= 4 * MOST_WORD_CHARS ? EXTENSION.exec(segment)?.[0] : undefined;
  return `{id}${extension ?? ''}`;
}

function isWord(segment: string): boolean {
  if (segment.length > MOST_WORD_CHARS) return false;
  return VERSION.test(segment) || (WORD.test(segment) && !HEX.test(segment) && !TOKEN.test(segment));
}
