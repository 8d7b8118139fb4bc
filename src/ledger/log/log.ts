/**
 * The server's log: one JSON object a line, to standard error like TensorFlow Serving's. Standard output is for
 * commands that print an answer.
 *
 * Lines are written asynchronously, in order; `end` waits for the rest. While nobody reads standard error, or its disk
 * is full, lines wait; beyond MAX_BUFFERED_BYTES they are dropped and counted: a stuck log collector must neither fill
 * the memory, nor keep a request or the end of the process waiting. A later line tells how many were lost.
 *
 * `time` is ms since 1970. Errors go under `err`. Payloads are never logged.
 */
import { type DestinationStream, pino } from 'pino';
import type { Clock } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
/** The lowest level that is written. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Facts of a line. An error goes under `err`. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The log, as the rest of the server sees it. */
export interface Logger {
  readonly level: string;
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  fatal(fields: LogFields, message: string): void;
  /** True if a line of this level would be written. Ask before collecting fields on a hot path. */
  isLevelEnabled(level: string): boolean;
  /**
   * A logger that adds `fields` to each line. It is never freed: call it for a part of the server, not for a request.
   */
  child(fields: LogFields): Logger;
}

/** The app's one logger. */
export interface RootLogger extends Logger {
  /** Gives `read` every line that is written from now on, as JSON with its line break. It must not throw. */
  follow(read: (line: string) => void): void;
  /**
   * Gives `show` every line from now on in the place of writing it. The returned function writes whole lines of text where
   * the log goes. Only one feature may show the log.
   */
  showBy(show: (line: string) => void): (text: string) => void;
  /** Lines that were dropped so far. */
  readonly lostLines: number;
  /** Changes the level of this logger and all its children, but for those of `steady`. */
  setLevel(level: LogLevel): void;
  /** A logger that keeps the level of now: for lines that who changes the level must not hide. */
  steady(): Logger;
  /**
   * Resolves when all lines are written, or after `patienceMs` if nobody reads them. Call it before the process exits:
   * pino would write the rest in a loop that does not end while nobody reads.
   */
  end(patienceMs: number): Promise<void>;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly clock: Clock;
  /** Fields of every line, e.g. {service, version}. */
  readonly base?: LogFields;
  /** Default: standard error. */
  readonly destination?: DestinationStream;
}

const STANDARD_ERROR = 2;
/** Room for about 30,000 lines. */
const MAX_BUFFERED_BYTES = 8 * 1024 * 1024;
/** Depth to which an error's causes are logged: they may form a ring. */
const MAX_CAUSES = 4;

/** Makes the app's one logger. */
export function createLogger(options: LoggerOptions): RootLogger {
  const { clock } = options;
  const children: pino.Logger[] = [];
  const ours = options.destination === undefined ? standardError() : undefined;
  const destination = options.destination ?? ours!;
  const followers: ((line: string) => void)[] = [];
  const writeText = (text: string): void => {
    destination.write(text);
  };
  let write = writeText;
  const root = pino(
    {
      onChild: (child) => children.push(child),
      level: options.level,
      base: { ...options.base },
      timestamp: () => `,"time":${Math.round(clock.wallMs())}`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (error: unknown) => describeError(error, MAX_CAUSES) },
    },
    {
      write(line) {
        for (const follow of followers) follow(line);
        write(line);
      },
    },
  );
  const lost = { lines: 0, told: 0 };
  ours?.on('drop', () => {
    lost.lines += 1;
  });
  ours?.on('drain', () => {
    const lines = lost.lines - lost.told;
    lost.told = lost.lines;
    if (lines > 0) root.warn({ event: 'log_lines_lost', lines }, 'lines of the log were lost: nobody took them');
  });
  Object.defineProperty(root, 'lostLines', { get: () => lost.lines });
  return Object.assign(root as pino.Logger & { readonly lostLines: number }, {
    follow(read: (line: string) => void): void {
      followers.push(read);
    },
    showBy(show: (line: string) => void): (text: string) => void {
      write = show;
      return writeText;
    },
    setLevel(level: LogLevel): void {
      root.level = level;
      for (const child of children) child.level = level;
    },
    steady(): Logger {
      const child = root.child({});
      children.pop();
      // A child has its parent's level until its own is set.
      child.level = root.level;
      return child;
    },
    end: (patienceMs: number) => (ours === undefined ? Promise.resolve() : written(ours, clock, patienceMs)),
  });
}

type Destination = ReturnType<typeof pino.destination>;

function standardError(): Destination {
  const destination = pino.destination({
    dest: STANDARD_ERROR,
    sync: false,
    minLength: 1,
    maxLength: MAX_BUFFERED_BYTES,
  });
  // Pino's own listener lets every error but EPIPE end the process: that of a full disk, too.
  destination.removeAllListeners('error');
  destination.on('error', ({ code }: NodeJS.ErrnoException) => {
    // Nobody will ever read it. After any other error the lines wait, and are tried again with the next one.
    if (code === 'EPIPE') destination.write = () => true;
  });
  return destination;
}

/** Implements `RootLogger.end`. */
function written(destination: Destination, clock: Clock, patienceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel();
      // Else pino would flush once more when the process exits, for as long as it takes.
      destination.flushSync = () => undefined;
      resolve();
    };
    const timer = clock.setTimer(clock.nowMs() + patienceMs, finish);
    // It fails where there is no reader, and also where nothing can be synced, such as a pipe.
    destination.flush(finish);
  });
}

/** An error as log fields. A ServingError has its kind and attributes instead of a stack. */
function describeError(error: unknown, causesLeft: number): LogFields {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const { cause } = error;
  const isServing = error instanceof ServingError;
  return {
    type: error.name,
    message: error.message,
    ...('code' in error ? { code: error.code } : {}),
    ...(isServing ? { kind: error.kind, ...error.attributes } : { stack: error.stack }),
    ...(cause === undefined || causesLeft === 0 ? {} : { cause: describeError(cause, causesLeft - 1) }),
  };
}
