/**
 * `pillion await`: waits until a sidecar is ready, then runs a command in its place: standard streams, signals and the
 * exit status pass through. Without a command it is made for the sidecar's own postStart hook.
 *
 *   GET /ready … 200 ─▶ COMMAND ─▶ ends ─▶ (--quit: POST /quitquitquit) ─▶ its exit status
 *
 * Signals have listeners from the start: the first process of a container is not ended by one without a listener.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { AdminRefusal, askAdmin, noSidecar } from '../../cli/ask-admin.ts';
import type { AdminAddress } from '../../cli/sidecar-command.ts';
import { systemClock } from '../../core/clock.ts';

const PERIOD_MS = 100;
/** A sidecar that loads may be slow to answer. */
const ANSWER_MS = 2000;

const NO_COMMAND = 127;
const NOT_RUN = 126;
const BY_SIGNAL = 128;

const PASSED_ON: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];
/** A terminal sends these to the command, too. */
const OF_TERMINALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];

/** The options of await-command.ts. */
interface AwaitOptions extends AdminAddress {
  /** Seconds; 0 = without end. */
  readonly timeout: number;
  readonly quit: boolean;
  /** Its words; none = there is no command. */
  readonly command: readonly string[];
}

/** Resolves with the exit status: the command's, or 1 if the sidecar is not ready in time. */
export async function awaitReady({ timeout, quit, command, ...from }: AwaitOptions): Promise<number> {
  let child: ChildProcess | undefined;
  const [program, ...words] = command;
  if (program !== undefined) {
    for (const signal of PASSED_ON) {
      process.on(signal, () => {
        if (child === undefined) process.exit(BY_SIGNAL + constants.signals[signal]);
        if (!process.stdin.isTTY || !OF_TERMINALS.includes(signal)) child.kill(signal);
      });
    }
  }
  const reason = await untilReady(from, timeout === 0 ? Infinity : timeout * 1000);
  if (reason !== undefined) {
    process.stderr.write(`pillion: not ready after ${timeout} s: ${reason}\n`);
    return 1;
  }
  if (program === undefined) return 0;
  child = spawn(program, words, { stdio: 'inherit' });
  const status = await endOf(child, program);
  if (quit) await endSidecar(from);
  return status;
}

/** Resolves with why it is not ready after `ms`; undefined once it is. */
async function untilReady(from: AdminAddress, ms: number): Promise<string | undefined> {
  const giveUpAt = systemClock.nowMs() + ms;
  for (let isFirst = true; ; isFirst = false) {
    try {
      await askAdmin({ from, path: '/ready', timeoutMs: ANSWER_MS });
      return undefined;
    } catch (error) {
      if (isFirst) process.stderr.write(`pillion: waiting for the sidecar at ${from.admin}\n`);
      if (systemClock.nowMs() < giveUpAt) await pause(PERIOD_MS);
      else return error instanceof AdminRefusal ? error.message : noSidecar(from.admin, error as Error);
    }
  }
}

function endOf(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? BY_SIGNAL + constants.signals[signal!]));
    child.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? 'there is no such command' : error.message;
      process.stderr.write(`pillion: cannot run ${program}: ${why}\n`);
      resolve(error.code === 'ENOENT' ? NO_COMMAND : NOT_RUN);
    });
  });
}

async function endSidecar(from: AdminAddress): Promise<void> {
  try {
    await askAdmin({ from, path: '/quitquitquit', method: 'POST' });
  } catch (error) {
    process.stderr.write(`pillion: the sidecar was not told to end: ${noSidecar(from.admin, error as Error)}\n`);
  }
}
