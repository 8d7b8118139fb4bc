/**
 * A server under measurement: a child process whose whole tree is watched, so that a server with worker processes is
 * charged for all of them. It may say that it listens in a JSON line, or has to be asked.
 *
 * pause() stops every process of the tree (SIGSTOP), so that a server that polls while idle costs the one that is
 * measured nothing; resume() lets them go on. stop() ends the whole tree, by force if it has not ended in time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { cpuSecondsOf, processTree, residentBytesOf, startTicksOf, threadMicrosOf } from './process-tree.ts';

const STOP_MS = 8000;

export interface ServerProcess {
  readonly name: string;
  readonly pid: number;
  /** The line that `isReady` accepted; empty if there was nothing to accept. */
  readonly ready: Record<string, unknown>;
  /** CPU time of all threads of the tree that are there now, in microseconds: to be compared where none ends. */
  threadMicros(): number;
  /** CPU seconds of the whole tree with all threads since their starts. */
  cpuSeconds(): number;
  residentBytes(): number;
  /** How it ended; undefined while it runs. */
  ending(): string | undefined;
  /** The last lines that it wrote. */
  output(): string;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

export interface ServerCommand {
  readonly name: string;
  /** Node itself if absent. */
  readonly program?: string;
  readonly args: readonly string[];
  /** Variables beside the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Absent: started is as good as ready, ask it. */
  readonly isReady?: (line: Record<string, unknown>) => boolean;
}

/** Resolves when the server says that it listens; rejects with its output if it ends before. */
export function startServer({ name, program, args, env, isReady }: ServerCommand): Promise<ServerProcess> {
  const child = spawn(program ?? process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const output: string[] = [];
  return new Promise((resolve, reject) => {
    const onLine = (text: string): void => {
      if (output.push(text) > 40) output.shift();
      const line = isReady === undefined ? undefined : parseLine(text);
      if (line !== undefined && isReady?.(line) === true) resolve(processOf(name, child, line, output));
    };
    createInterface({ input: child.stdout }).on('line', onLine);
    createInterface({ input: child.stderr }).on('line', onLine);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${name} ended (${code}):\n${output.join('\n')}`)));
    if (isReady === undefined) child.once('spawn', () => resolve(processOf(name, child, {}, output)));
  });
}

function processOf(
  name: string,
  child: ChildProcess,
  ready: Record<string, unknown>,
  output: readonly string[],
): ServerProcess {
  const pid = child.pid!;
  const known = new Map<number, number | undefined>();
  const tree = (): number[] => {
    const pids = processTree(pid);
    for (const each of pids) known.set(each, startTicksOf(each));
    return pids;
  };
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  return {
    name,
    pid,
    ready,
    cpuSeconds: () => cpuSecondsOf(tree()),
    threadMicros: () => threadMicrosOf(tree()),
    residentBytes: () => residentBytesOf(tree()),
    ending: () => endingOf(child),
    output: () => output.join('\n'),
    pause: () => signalAll(tree(), 'SIGSTOP'),
    // Children first: a parent that watches them finds them awake.
    resume: () => signalAll(tree().reverse(), 'SIGCONT'),
    stop: async () => {
      tree();
      await stopRoot(child, known, exited);
      signalAll(stillThere(known), 'SIGKILL');
    },
  };
}

function endingOf({ exitCode, signalCode }: ChildProcess): string | undefined {
  if (signalCode !== null) return `by ${signalCode}`;
  return exitCode === null ? undefined : `with exit status ${exitCode}`;
}

/** The root alone, as a person would: most servers end their workers themselves. */
async function stopRoot(
  child: ChildProcess,
  known: ReadonlyMap<number, number | undefined>,
  exited: Promise<void>,
): Promise<void> {
  if (endingOf(child) !== undefined) return;
  signalAll(stillThere(known).reverse(), 'SIGCONT');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await exited;
  clearTimeout(force);
}

/** A number may have gone to a stranger since; its start tells. */
function stillThere(known: ReadonlyMap<number, number | undefined>): number[] {
  return [...known].filter(([pid, ticks]) => ticks !== undefined && startTicksOf(pid) === ticks).map(([pid]) => pid);
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // Ended already, as it should.
    }
  }
}

function parseLine(text: string): Record<string, unknown> | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === 'object' && line !== null ? (line as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
