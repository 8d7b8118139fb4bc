/** What is wrong with a text, and where. */

/** Of a character: both from 1; a tab is one column. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The text is not what it should be. `reason` completes "path:line:column: …". */
export class TextProtoError extends Error {
  readonly position: Position;
  readonly reason: string;

  constructor(position: Position, reason: string) {
    super(`${position.line}:${position.column}: ${reason}`);
    this.name = 'TextProtoError';
    this.position = { line: position.line, column: position.column };
    this.reason = reason;
  }
}
