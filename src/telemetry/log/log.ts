/**
 * The server's log: one JSON object a line, to standard error as TensorFlow Serving's, which leaves standard output to
 * commands whose answer is wanted there.
 *
 * Lines are written asynchronously, in order; `end` waits for the rest. If whoever reads standard error stops reading,
 * lines past MAX_BUFFERED_BYTES are dropped: a stuck log collector must neither fill our memory nor keep us from ending.
 *
 * `time` is ms since 1970. Errors go under `err`. Never payloads.
 */
import { type DestinationStream, pino } from 'pino';
import type { Clock } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
/** The least serious lines that are written. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Facts of a line. An error goes under `err`. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What the rest of the server knows of the log. */
export interface Logger {
  readonly level: string;
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  fatal(fields: LogFields, message: string): void;
  /** Would a line of this level be written? Ask before gathering facts on a hot path. */
  isLevelEnabled(level: string): boolean;
  /** A logger that adds `fields` to each line. One for each part of the server, never for each request: it is kept. */
  child(fields: LogFields): Logger;
}

/** The app's one logger. */
export interface RootLogger extends Logger {
  /** From now on, for this logger and all its children. */
  setLevel(level: LogLevel): void;
  /**
   * Resolves when all lines are written, or cannot be: nobody reads them within `patienceMs`. Before the process exits: what
   * is left then is written by a loop that does not end while nobody reads.
   */
  end(patienceMs: number): Promise<void>;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly clock: Clock;
  /** On every line, e.g. {service, version}. */
  readonly base?: LogFields;
  /** Where lines go; standard error by default. */
  readonly destination?: DestinationStream;
}

const STANDARD_ERROR = 2;
/** Some 30,000 lines. */
const MAX_BUFFERED_BYTES = 8 * 1024 * 1024;
/** An error's causes are followed this deep: they may form a ring. */
const MAX_CAUSES = 4;

/** Makes the app's one logger. */
export function createLogger(options: LoggerOptions): RootLogger {
  const { clock } = options;
  const children: pino.Logger[] = [];
  const ours =
    options.destination === undefined
      ? pino.destination({ dest: STANDARD_ERROR, sync: false, minLength: 1, maxLength: MAX_BUFFERED_BYTES })
      : undefined;
  const root = pino(
    {
      onChild: (child) => children.push(child),
      level: options.level,
      base: { ...options.base },
      timestamp: () => `,"time":${Math.round(clock.wallMs())}`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (error: unknown) => describeError(error, MAX_CAUSES) },
    },
    options.destination ?? ours!,
  );
  return Object.assign(root, {
    setLevel(level: LogLevel): void {
      root.level = level;
      for (const child of children) child.level = level;
    },
    end: (patienceMs: number) => (ours === undefined ? Promise.resolve() : written(ours, clock, patienceMs)),
  });
}

type Destination = ReturnType<typeof pino.destination>;

/** As `RootLogger.end`. */
function written(destination: Destination, clock: Clock, patienceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel();
      // Written, or given up: pino flushes once more when the process exits, for as long as it takes.
      destination.flushSync = () => undefined;
      resolve();
    };
    const timer = clock.setTimer(clock.nowMs() + patienceMs, finish);
    // It fails where there is no reader, and also where there is nothing that could be synced, such as a pipe.
    destination.flush(finish);
  });
}

/** An error as facts. A ServingError has a kind in place of a stack: it says where by itself. */
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
