/**
 * Protobuf's text format → tokens, one at a time, each with its position. White space and # comments are skipped.
 *
 *   max_batch_size { value: 0x10 }  # rows
 *   └ identifier   │ │    │ └ integer
 *                  │ │    └ symbol
 *                  └ symbol
 */
import type { Buffer } from 'node:buffer';
import { EscapeError, unescapeString } from './string-literal.ts';

/** Line and column of a character, from 1; a tab is one column. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A mistake in the text. `reason` completes "path:line:column: …". */
export class TextProtoError extends Error {
  readonly position: Position;
  readonly reason: string;

  constructor({ line, column }: Position, reason: string) {
    super(`${line}:${column}: ${reason}`);
    this.name = 'TextProtoError';
    this.position = { line, column };
    this.reason = reason;
  }
}

type TokenKind = 'identifier' | 'integer' | 'float' | 'string' | 'symbol' | 'end';

export interface Token extends Position {
  readonly kind: TokenKind;
  /** The text as written. */
  readonly text: string;
  /** The bytes of a string; undefined for other kinds. */
  readonly bytes: Buffer | undefined;
}

const SPACE = /[ \t\r\n\f\v]+/y;
const COMMENT = /#[^\n]*/y;
const IDENTIFIER = /[A-Za-z_][A-Za-z0-9_]*/y;
const INTEGER = /0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*/y;
const FLOAT = /(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?/y;
const SYMBOLS = '{}<>[]:,;-./';

export class Tokenizer {
  readonly #text: string;
  #position = 0;
  #line = 1;
  /** The offset of the current line. */
  #lineStart = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next token; after the last one, `end` each time. Throws TextProtoError. */
  next(): Token {
    this.#skip();
    const at = this.#position;
    const letter = this.#text[at];
    if (letter === undefined) return this.#token('end', '');
    const identifier = this.#match(IDENTIFIER);
    if (identifier !== undefined) return this.#token('identifier', identifier);
    if (/[0-9]/.test(letter) || (letter === '.' && /[0-9]/.test(this.#text[at + 1] ?? ''))) return this.#number();
    if (letter === '"' || letter === "'") return this.#string(letter);
    if (SYMBOLS.includes(letter)) return this.#token('symbol', letter);
    const shown = JSON.stringify(String.fromCodePoint(this.#text.codePointAt(at)!));
    throw new TextProtoError(this.#place(at), `unexpected character ${shown}`);
  }

  #number(): Token {
    const integer = this.#match(INTEGER) ?? '';
    const float = this.#match(FLOAT) ?? '';
    const isFloat = float.length > integer.length;
    const text = isFloat ? float : integer;
    // "12abc" and "09" are one mistake, not two tokens.
    const rest = /^[A-Za-z0-9_.]+/.exec(
      this.#text.slice(this.#position + text.length, this.#position + text.length + 40),
    );
    if (rest !== null) throw new TextProtoError(this.#place(this.#position), `"${text}${rest[0]}" is no number`);
    return this.#token(isFloat ? 'float' : 'integer', text);
  }

  #string(quote: string): Token {
    const at = this.#position;
    // A pattern would need a stack as deep as the string is long.
    let end = at + 1;
    while (end < this.#text.length && this.#text[end] !== quote && this.#text[end] !== '\n') {
      end += this.#text[end] === '\\' ? 2 : 1;
    }
    if (this.#text[end] !== quote || this.#text.slice(at, end).includes('\n')) {
      throw new TextProtoError(this.#place(at), `the string that begins here has no closing ${quote} on its line`);
    }
    try {
      const bytes = unescapeString(this.#text.slice(at + 1, end));
      return this.#token('string', this.#text.slice(at, end + 1), bytes);
    } catch (error) {
      if (!(error instanceof EscapeError)) throw error;
      throw new TextProtoError(this.#place(at + 1 + error.offset), error.message);
    }
  }

  #skip(): void {
    // A single pattern for both would need a stack as deep as the number of comments.
    for (;;) {
      const skipped = this.#match(SPACE) ?? this.#match(COMMENT);
      if (skipped === undefined) return;
      for (let i = skipped.indexOf('\n'); i !== -1; i = skipped.indexOf('\n', i + 1)) {
        this.#line += 1;
        this.#lineStart = this.#position + i + 1;
      }
      this.#position += skipped.length;
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    return pattern.exec(this.#text)?.[0];
  }

  #token(kind: TokenKind, text: string, bytes?: Buffer): Token {
    const token = { kind, text, bytes, ...this.#place(this.#position) };
    this.#position += text.length;
    return token;
  }

  #place(offset: number): Position {
    return { line: this.#line, column: offset - this.#lineStart + 1 };
  }
}
