/**
 * Tells when this process is told to end: by SIGTERM and SIGINT, under npm by the end of its parent, and in a terminal
 * by SIGHUP when that is closed.
 *
 *   npx ─▶ sh -c pillion ─▶ pillion      npm passes a signal on to the shell alone, which ends by it and says nothing.
 *   npx ─▶ pillion                       where the shell becomes the command. A key at the terminal then comes twice:
 *                                        from the terminal, which signals the whole group, and from npm.
 */
import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { type Clock, type Instant, repeat } from '../core/clock.ts';

/** The used part of `process`. */
export interface EndingProcess {
  readonly ppid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  on(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
}

/** A second SIGINT that comes so soon is the first one again. */
const ECHO_MS = 300;
const LOOK_MS = 200;
/** npm's commands that run a program and wait for it. */
const NPM_COMMANDS = ['exec', 'start', 'run-script', 'run'];

/** `tell`: the signal's name, or "end of npm", the first time and whenever a signal says so again. */
export function watchEndSignals(
  process: EndingProcess,
  clock: Clock,
  tell: (reason: string, isAgain: boolean) => void,
): void {
  let firstAt: Instant | undefined;
  const told = (reason: string): void => {
    const isAgain = firstAt !== undefined;
    firstAt ??= clock.nowMs();
    tell(reason, isAgain);
  };
  process.on('SIGTERM', () => told('SIGTERM'));
  process.on('SIGINT', () => {
    if (firstAt === undefined || clock.nowMs() - firstAt >= ECHO_MS) told('SIGINT');
  });
  if (!NPM_COMMANDS.includes(process.env['npm_command'] ?? '')) return;
  const parent = process.ppid;
  const look = repeat(clock, LOOK_MS, () => {
    if (process.ppid === parent) return;
    look.cancel();
    if (firstAt === undefined) told('end of npm');
  });
}

/**
 * Call it at the start. The returned function says at a SIGHUP whether the terminal in which the process was started is
 * gone. Without one, in a container or under nohup, SIGHUP is only ever sent on purpose.
 */
export function watchTerminal(): () => boolean {
  const isInTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  return () => isInTerminal && !hasTerminal();
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch (error) {
    // Anything else, such as a file system without /dev/tty, says nothing.
    return (error as NodeJS.ErrnoException).code !== 'ENXIO';
  }
}
