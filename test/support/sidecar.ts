/**
 * The real thing as a child process: `pillion serve` from the tests' build, on free ports, ended by the test. It is the
 * bundle, as users have it; with a backend of the tests, the modules that this backend imports too.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { FREE_PORTS, LAUNCH_FLAGS } from '../../bench/support/launcher.ts';

/** Starts in half the time. */
export const BUNDLE = fileURLToPath(new URL('../../bundle/main.cjs', import.meta.url));
export const MODULES = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const TEST_BACKENDS = new URL('.', import.meta.url).href;

export interface LogLine {
  readonly event?: string;
  readonly level?: string;
  readonly msg?: string;
  readonly [key: string]: unknown;
}

export interface Sidecar {
  readonly process: ChildProcess;
  /** "127.0.0.1:port" */
  readonly grpc: string;
  /** "http://127.0.0.1:port" */
  readonly rest: string;
  readonly admin: string;
  readonly lines: readonly LogLine[];
  /** Resolves with the first line that `matches`, past or future. Rejects if the process ends first. */
  line(matches: (line: LogLine) => boolean): Promise<LogLine>;
  /** Resolves when what it wrote has the text. Rejects if the process ends first. */
  printed(text: string): Promise<void>;
  /** Exit status, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  stop(): Promise<number | string>;
  /** The text that it wrote to standard output and standard error until now. */
  output(): string;
}

const running = new Set<ChildProcess>();

/** Ends what a failed test left running: call it after each test. */
export function killSidecars(): void {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
}

export const DIGITS = ['--model=digits=examples/digits/models/digits'];

/** Added to this process's own; undefined takes a variable away. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The command line that runs this one: in a group, say. It must become the command (exec). */
export type Wrap = (command: readonly string[]) => readonly string[];

/** Runs the command with so many file descriptors at most. */
export function withDescriptors(count: number): Wrap {
  return (command) => ['/bin/sh', '-c', `ulimit -n ${count}; exec "$0" "$@"`, ...command];
}

/** Resolves when the sidecar is ready. Rejects with its output if it ends before. */
export async function startSidecar(
  args: readonly string[],
  environment: Environment = {},
  wrap?: Wrap,
): Promise<Sidecar> {
  const child = runPillion(['serve', ...FREE_PORTS, ...args], environment, wrap);
  const ready = await child.line((line) => line.event === 'ready');
  const [grpc] = ready['grpc'] as string[];
  const [rest] = ready['rest'] as string[];
  return { ...child, grpc: grpc!, rest: `http://${rest}`, admin: `http://${ready['admin'] as string}` };
}

export type PillionProcess = Omit<Sidecar, 'grpc' | 'rest' | 'admin'>;

/** Starts the modules, also where no argument names a backend of the tests. */
export const unbundled: Wrap = (command) => command.map((word) => (word === BUNDLE ? MODULES : word));

const NO_CODE = '--disallow-code-generation-from-strings';
/** Runs a command that may ask over gRPC, whose packages make code, as bin/pillion does. */
export const makingCode: Wrap = (command) => command.filter((word) => word !== NO_CODE);

/** Starts `pillion` with exactly these arguments. */
export function runPillion(
  args: readonly string[],
  environment: Environment = {},
  wrap: Wrap = (command) => command,
): PillionProcess {
  const [program, ...words] = wrap([process.execPath, ...LAUNCH_FLAGS, mainFor(args), ...args]);
  const child = spawn(program!, words, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const lines: LogLine[] = [];
  const text: string[] = [];
  const waiting = new Set<() => void>();
  const exited = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve(code ?? signal ?? 'unknown');
    });
  });
  const onLine = (line: string): void => {
    text.push(line);
    if (line.startsWith('{')) lines.push(JSON.parse(line) as LogLine);
    for (const check of waiting) check();
  };
  createInterface({ input: child.stderr }).on('line', onLine);
  createInterface({ input: child.stdout }).on('line', onLine);
  const output = (): string => text.join('\n');
  /** Resolves with what `look` gives once it gives something; it is asked again after each line. */
  const awaited = <T>(look: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const found = look();
        if (found === undefined) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
      void exited.then((code) => reject(new Error(`pillion ended (${code}) before the awaited line:\n${output()}`)));
    });
  return {
    process: child,
    lines,
    line: (matches) => awaited(() => lines.find(matches)),
    printed: async (wanted) => {
      await awaited(() => text.find((each) => each.includes(wanted)));
    },
    exited,
    output,
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

function mainFor(args: readonly string[]): string {
  return args.some((arg) => arg.includes(TEST_BACKENDS)) ? MODULES : BUNDLE;
}
