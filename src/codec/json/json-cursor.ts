/**
 * A position in JSON text, and the strict walk over a value from there: the grammar of RFC 8259 with TensorFlow
 * Serving's additional number tokens (NaN, Inf, Infinity, each with an optional minus).
 *
 * It walks over bytes and makes no strings or objects. Open brackets are on a stack of bytes, so nesting is limited by
 * the body's size and never by the call stack. A syntax error is thrown as `invalid_request` with its offset. Strings
 * are not checked for UTF-8: a DT_STRING need not be text.
 *
 * One cursor serves many bodies, one after the other (`open`, `close`).
 */
import { Buffer } from 'node:buffer';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import {
  asciiText,
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  LOWER_E,
  LOWER_F,
  LOWER_N,
  LOWER_T,
  LOWER_U,
  MINUS,
  NEWLINE,
  NINE,
  OPEN_ARRAY,
  OPEN_OBJECT,
  PLUS,
  POINT,
  QUOTE,
  RETURN,
  SPACE,
  TAB,
  UPPER_E,
  UPPER_I,
  UPPER_N,
  ZERO,
} from './json-chars.ts';
import { knownName, stringText } from './json-string.ts';

const NOTHING = Buffer.alloc(0);
const NO_NAMES: readonly string[] = [];

/** The stack of open brackets begins with room for FIRST_LEVELS; after MAX_KEPT_LEVELS it is released with its body. */
const FIRST_LEVELS = 64;
const MAX_KEPT_LEVELS = 64 * 1024;

/** A number of at most so many characters, without an exponent, fits a double. */
const MAX_SAFE_NUMBER_LENGTH = 300;

export class JsonCursor {
  /** The text. Reading past its end gives undefined, which equals no character. */
  bytes: Buffer = NOTHING;
  /** The offset of the next byte. */
  at = 0;
  #open = new Uint8Array(FIRST_LEVELS);
  readonly #maxDepth: number;

  /** `maxDepth`: how deep lists and objects may be nested in a value that is skipped. */
  constructor(maxDepth = Infinity) {
    this.#maxDepth = maxDepth;
  }

  open(bytes: Buffer, at = 0): void {
    this.bytes = bytes;
    this.at = at;
  }

  /**
   * Opens a body, which must be a JSON object, and moves to its opening brace. Error texts say what to send by `keys`,
   * such as '"inputs"', and `form`, such as '{"inputs": ...}'. Throws `invalid_request`.
   */
  openObject(bytes: Buffer, keys: string, form: string): void {
    const hasByteOrderMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    this.bytes = bytes;
    this.at = hasByteOrderMark ? 3 : 0;
    const first = this.skipSpace();
    if (first === undefined) throw invalidRequest(`the body is empty; send a JSON object with ${keys}`);
    if (first === OPEN_OBJECT) return;
    this.skipValue();
    throw invalidRequest(`the body is no JSON object; send ${form}`);
  }

  /** Throws if text follows the object. */
  expectEnd(): void {
    if (this.skipSpace() === undefined) return;
    throw this.error('the object has ended, but more text follows; send one JSON object and nothing after it');
  }

  /** Releases the text. */
  close(): void {
    this.bytes = NOTHING;
    if (this.#open.length > MAX_KEPT_LEVELS) this.#open = new Uint8Array(FIRST_LEVELS);
  }

  /** Moves to the next byte that is not white space and returns it; undefined at the end. */
  skipSpace(): number | undefined {
    const { bytes } = this;
    let { at } = this;
    let byte = bytes[at];
    while (byte === SPACE || byte === NEWLINE || byte === RETURN || byte === TAB) byte = bytes[++at];
    this.at = at;
    return byte;
  }

  /** Moves past a value of any kind. */
  skipValue(): void {
    let depth = 0;
    for (;;) {
      const byte = this.skipSpace();
      if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
        if (this.enter(byte === OPEN_ARRAY ? CLOSE_ARRAY : CLOSE_OBJECT)) {
          this.#push(depth++, byte);
          if (byte === OPEN_OBJECT) this.#skipName();
          continue;
        }
      } else this.#skipScalar(byte);
      depth = this.#skipClosed(depth);
      if (depth === 0) return;
    }
  }

  /** A member's name; moves past its colon. A name among `known` needs no string of its own, which is faster. */
  key(known: readonly string[] = NO_NAMES): string {
    this.skipSpace();
    const start = this.at + 1;
    const end = this.#skipName();
    return knownName(known, this.bytes, start, end) ?? stringText(this.bytes, start, end);
  }

  /** The string at the cursor; moves past it. */
  string(): string {
    const start = this.at + 1;
    this.skipString();
    return stringText(this.bytes, start, this.at - 1);
  }

  /**
   * Enters the object or array whose opening bracket is at the cursor and whose closing bracket is `close`: true before
   * its first member, false past an empty one.
   */
  enter(close: number): boolean {
    this.at++;
    if (this.skipSpace() !== close) return true;
    this.at++;
    return false;
  }

  /** Moves on behind a member of the object or array that `close` ends. True: past a comma; false: past the bracket. */
  hasNext(close: number): boolean {
    const byte = this.skipSpace();
    if (byte !== COMMA && byte !== close) {
      const what =
        close === CLOSE_ARRAY ? '] is expected after an array element' : '} is expected after an object member';
      throw this.error(`a comma or ${what}`);
    }
    this.at++;
    return byte === COMMA;
  }

  /** Moves past a string; the cursor is on its opening quote. */
  skipString(): void {
    const { bytes } = this;
    const start = this.at;
    let at = start + 1;
    for (;;) {
      const byte = bytes[at];
      if (byte === QUOTE) break;
      if (byte === undefined) throw this.error('the string that begins here has no closing quotation mark', start);
      if (byte < SPACE) throw this.error('a control character stands in a string; write it as an escape (\\u00XX)', at);
      at = byte === BACKSLASH ? this.#skipEscape(at) : at + 1;
    }
    this.at = at + 1;
  }

  /** Moves past a number; the cursor is on its first character. */
  skipNumber(): void {
    const { bytes } = this;
    const start = this.at;
    let at = bytes[start] === MINUS ? start + 1 : start;
    if (bytes[at] === UPPER_N || bytes[at] === UPPER_I) {
      this.at = this.#skipNonFinite(at);
      return;
    }
    at = bytes[at] === ZERO ? at + 1 : this.#skipDigits(at);
    if (bytes[at] === POINT) at = this.#skipDigits(at + 1);
    const hasExponent = bytes[at] === LOWER_E || bytes[at] === UPPER_E;
    if (hasExponent) at = this.#skipDigits(bytes[at + 1] === PLUS || bytes[at + 1] === MINUS ? at + 2 : at + 1);
    if ((hasExponent || at - start > MAX_SAFE_NUMBER_LENGTH) && !Number.isFinite(Number(this.text(start, at)))) {
      throw this.error('the number that begins here is too large for a double; send a smaller one, or Infinity', start);
    }
    this.at = at;
  }

  /** The text of an ASCII token. */
  text(start: number, end: number): string {
    return asciiText(this.bytes, start, end);
  }

  error(what: string, at = this.at): ServingError {
    const where = at >= this.bytes.length ? `at the end of its ${this.bytes.length} bytes` : `at byte ${at}`;
    return invalidRequest(`the body is not valid JSON ${where}: ${what}`);
  }

  /** Moves past a member's name and its colon; returns the offset of the name's closing quote. */
  #skipName(): number {
    if (this.skipSpace() !== QUOTE) throw this.error('the name of an object member is missing; names are strings');
    this.skipString();
    const end = this.at - 1;
    if (this.skipSpace() !== COLON) throw this.error('the colon after the name of an object member is missing');
    this.at++;
    return end;
  }

  #push(depth: number, bracket: number): void {
    if (depth >= this.#maxDepth) {
      throw invalidRequest(`JSON nesting depth exceeds maximum allowed limit (${this.#maxDepth}); nest less deeply`);
    }
    if (depth === this.#open.length) {
      const grown = new Uint8Array(2 * depth);
      grown.set(this.#open);
      this.#open = grown;
    }
    this.#open[depth] = bracket;
  }

  /** Moves behind a value past closing brackets, and to the next value. Returns the depth there. */
  #skipClosed(from: number): number {
    let depth = from;
    while (depth > 0) {
      const isArray = this.#open[depth - 1] === OPEN_ARRAY;
      if (this.hasNext(isArray ? CLOSE_ARRAY : CLOSE_OBJECT)) {
        if (!isArray) this.#skipName();
        break;
      }
      depth--;
    }
    return depth;
  }

  #skipScalar(byte: number | undefined): void {
    if (byte === QUOTE) this.skipString();
    else if (byte === LOWER_T) this.#skipWord('true');
    else if (byte === LOWER_F) this.#skipWord('false');
    else if (byte === LOWER_N) this.#skipWord('null');
    else this.skipNumber();
  }

  #skipWord(word: string): void {
    if (this.text(this.at, this.at + word.length) !== word) throw this.#noValue(this.at);
    this.at += word.length;
  }

  #skipNonFinite(at: number): number {
    for (const word of ['NaN', 'Infinity', 'Inf']) {
      if (this.text(at, at + word.length) === word) return at + word.length;
    }
    throw this.#noValue(at);
  }

  #skipDigits(from: number): number {
    const { bytes } = this;
    let at = from;
    while (bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
    if (at === from) throw at === this.at ? this.#noValue(at) : this.error('a digit is missing in a number', at);
    return at;
  }

  #skipEscape(at: number): number {
    const letter = this.bytes[at + 1];
    if (letter !== LOWER_U) {
      if (letter !== undefined && '"\\/bfnrt'.includes(String.fromCharCode(letter))) return at + 2;
      throw this.error('an unknown escape stands in a string; JSON has \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX', at);
    }
    const unit = this.#hexUnit(at + 2);
    if (unit < 0xd800 || unit > 0xdfff) return at + 6;
    const isPair = unit < 0xdc00 && this.bytes[at + 6] === BACKSLASH && this.bytes[at + 7] === LOWER_U;
    const low = isPair ? this.#hexUnit(at + 8) : 0;
    if (low >= 0xdc00 && low <= 0xdfff) return at + 12;
    throw this.error('half of a surrogate pair stands alone in a string', at);
  }

  /** The four hex digits at `at` as a number. */
  #hexUnit(at: number): number {
    const digits = this.text(at, at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.error('\\u wants four hex digits', at);
    return Number.parseInt(digits, 16);
  }

  #noValue(at: number): ServingError {
    const byte = this.bytes[at];
    const got = byte === undefined ? 'the text ends' : `it has ${JSON.stringify(String.fromCharCode(byte))}`;
    return this.error(`a value is expected here, but ${got}`, at);
  }
}
