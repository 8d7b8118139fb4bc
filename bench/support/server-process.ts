/**
 * A server under measurement: a child process that prints one JSON line when it listens, and whose CPU time is read
 * from the kernel.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';

/** USER_HZ: the kernel's unit in /proc/PID/stat. 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface ServerProcess {
  readonly name: string;
  readonly pid: number;
  /** The line that `isReady` accepted. */
  readonly ready: Record<string, unknown>;
  /** CPU seconds of the process with all its threads since its start. */
  cpuSeconds(): number;
  residentBytes(): number;
  stop(): Promise<void>;
}

export interface ServerCommand {
  readonly name: string;
  /** Arguments of node. */
  readonly args: readonly string[];
  readonly isReady: (line: Record<string, unknown>) => boolean;
}

/** Resolves when the server says that it listens; rejects with its output if it ends before. */
export function startServer({ name, args, isReady }: ServerCommand): Promise<ServerProcess> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  return new Promise((resolve, reject) => {
    const onLine = (text: string): void => {
      if (output.length < 1000) output.push(text);
      const line = parseLine(text);
      if (line !== undefined && isReady(line)) resolve(processOf(name, child, line));
    };
    createInterface({ input: child.stdout }).on('line', onLine);
    createInterface({ input: child.stderr }).on('line', onLine);
    child.once('exit', (code) => reject(new Error(`${name} ended (${code}):\n${output.join('\n')}`)));
  });
}

function processOf(name: string, child: ChildProcess, ready: Record<string, unknown>): ServerProcess {
  const pid = child.pid!;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  return {
    name,
    pid,
    ready,
    cpuSeconds: () => {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    },
    residentBytes: () => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096,
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

function parseLine(text: string): Record<string, unknown> | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === 'object' && line !== null ? (line as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
