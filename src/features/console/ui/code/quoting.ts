/** Texts of anybody's as words of a shell, and as literals of Python and JavaScript, that nothing can break out of. Pure. */

/** Characters that change how code looks and not what it is: controls, marks of direction, separators of lines. */
const UNSEEN = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

const PLAIN_WORD = /^[\w./:@%+=,-]+$/;

/** The word itself if a shell takes it as it is; else in single quotes. It has no NUL, as no argument can. */
export function shellWord(text: string): string {
  return PLAIN_WORD.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Puts a text in single quotes if it needs no escapes, so that JSON keeps its own quotes; else escaped as JSON is. */
export function literal(text: string): string {
  return /['\\\n\r\u2028\u2029]/.test(text) ? JSON.stringify(text) : `'${text}'`;
}

/** Puts a name in double quotes: both languages read JSON's escapes. */
export function named(text: string): string {
  return seen(JSON.stringify(text));
}

/** JSON with escapes for what a reader would not see. Such characters are in its strings alone. */
export function seen(json: string): string {
  return json.replace(UNSEEN, (char) =>
    Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}
