/** A request, or what only looks like one, as bytes. In texts a character is a byte. */
import { Buffer } from 'node:buffer';

export interface OddRequest {
  /** Group and case: "chunks: size with a plus". Unique. */
  readonly name: string;
  readonly bytes: Buffer;
  /** Answers to wait for, if the connection stays open. */
  readonly answers: number;
  /** Answers to HEAD have no body. */
  readonly isHead: boolean;
}

/** [what is odd, the bytes, answers]. */
export type Row = readonly [name: string, text: string, answers?: number];

export function group(name: string, rows: readonly Row[]): OddRequest[] {
  return rows.map(([what, text, answers = 1]) => ({
    name: `${name}: ${what}`,
    bytes: Buffer.from(text, 'latin1'),
    answers,
    isHead: text.startsWith('HEAD '),
  }));
}

/** A GET with these lines behind its Host. */
export function get(...lines: readonly string[]): string {
  return ['GET /c HTTP/1.1', 'host: a', ...lines, '', ''].join('\r\n');
}

/** A POST with these lines behind its Host, and a body. */
export function post(lines: readonly string[], body: string): string {
  return ['POST /c HTTP/1.1', 'host: a', ...lines, '', body].join('\r\n');
}

/** What must never reach an application as a request: it hides in a body, or behind a head that is ambiguous. */
export const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n';

/** A code of a byte, for names. */
export function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`;
}
