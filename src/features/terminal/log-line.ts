/** Lines of the log as they are written: JSON of the shape that ledger/log/log.ts has. */

/** The cause of an error is one, too. */
interface LoggedError {
  readonly message?: string;
  readonly cause?: LoggedError;
}

export interface LogLine {
  readonly level: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly msg: string;
  readonly event?: string;
  readonly model?: string;
  /** The model's version, if the line names a model; else this server's. */
  readonly version?: string;
  readonly err?: LoggedError;
  readonly [field: string]: unknown;
}

export function parseLine(text: string): LogLine {
  return JSON.parse(text) as LogLine;
}

export function isTrouble({ level }: LogLine): boolean {
  return level === 'warn' || level === 'error' || level === 'fatal';
}

/** The message of the line's error, with those of its causes; empty without one. */
export function errorText({ err }: LogLine): string {
  const texts: string[] = [];
  for (let error = err; error !== undefined; error = error.cause) {
    const text = error.message?.trim() ?? '';
    if (text !== '' && !texts.some((before) => before.includes(text))) texts.push(text);
  }
  return texts.join(': ');
}
