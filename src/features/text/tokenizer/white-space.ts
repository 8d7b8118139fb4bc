/**
 * Removes white space at both ends of a text as Python's str.strip() does. JavaScript's trim() keeps U+001C to U+001F and
 * U+0085, and removes U+FEFF, which is no white space to Python.
 */

/** The characters for which Python's str.isspace() holds: all have one UTF-16 unit. */
const SPACES: ReadonlySet<number> = new Set([
  ...[0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x85, 0xa0, 0x1680],
  ...[0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a],
  ...[0x2028, 0x2029, 0x202f, 0x205f, 0x3000],
]);

export interface Stripped {
  readonly text: string;
  /** The characters that stood before it. */
  readonly start: number;
}

export function stripped(text: string): Stripped {
  let start = 0;
  let end = text.length;
  while (start < end && SPACES.has(text.charCodeAt(start))) start += 1;
  while (end > start && SPACES.has(text.charCodeAt(end - 1))) end -= 1;
  return { text: text.slice(start, end), start };
}
