/** Texts of anybody's as they are written to a terminal: whatever a text holds, it moves nothing there. */

/** Begins the lines after a line break, so that no text looks like two. */
const INDENT = '\n      ';
/** Control and format characters (direction of text, tags), lone surrogates, private ones, separators of lines. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/** Shows by their numbers all characters that a terminal acts upon, or that change the order of others: "\x1b". */
export function visible(text: string): string {
  return text.split(/\r?\n/).map(visibleLine).join(INDENT);
}

/** Does what {@link visible} does, and shows line breaks by their numbers as well. */
export function visibleLine(text: string): string {
  return text.replaceAll(UNSAFE, (character) => {
    const code = character.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}
