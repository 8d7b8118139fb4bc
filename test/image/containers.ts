/**
 * Containers of the image that is under test, by podman: without capabilities, with a root that nobody can write to, on
 * the machine's network, in 256 MiB. The container runs attached, so its log and its exit status are those of podman.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { LogLine } from '../support/sidecar.ts';

const run = promisify(execFile);

export const IMAGE = process.env['PILLION_TEST_IMAGE']!;
const CONFINED = ['--cap-drop=ALL', '--security-opt=no-new-privileges', '--memory=256m', '--memory-swap=256m'];
const READ_ONLY = ['--read-only', '--read-only-tmpfs=false'];
export const FREE_PORTS = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1'];

/** The directory of a model's versions, at its place in the container. */
export const mount = (from: string, at: string): string => `--volume=${process.cwd()}/${from}:${at}:ro`;

export interface Container {
  readonly name: string;
  readonly lines: readonly LogLine[];
  /** Resolves with the first line that `matches`; rejects with the output if the container ends before. */
  line(matches: (line: LogLine) => boolean): Promise<LogLine>;
  readonly exited: Promise<number>;
  output(): string;
}

const started = new Map<string, ChildProcess>();
let count = 0;

/** What podman prints. Rejects if it fails. */
export async function podman(...args: string[]): Promise<string> {
  return (await run('podman', args, { maxBuffer: 2 ** 28 })).stdout;
}

/** Of a command in a running container, started without a shell. */
export async function execIn(name: string, ...command: string[]): Promise<{ status: number; output: string }> {
  try {
    const { stdout, stderr } = await run('podman', ['exec', name, ...command], { timeout: 60_000 });
    return { status: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { status: code, output: stdout + stderr };
  }
}

/** Removes what a failed test left running: call it after each test. */
export async function removeContainers(): Promise<void> {
  // The last first: it may use the network of one before.
  const names = [...started.keys()].reverse();
  started.clear();
  for (const name of names) await podman('rm', '--force', '--ignore', '--time=0', name);
}

export interface RunOptions {
  readonly user?: string;
  /** Further options of podman run. */
  readonly options?: readonly string[];
  /** Default: the image's. */
  readonly command?: string;
  /** Default false. */
  readonly isRootWritable?: boolean;
  /** Default: the machine's. */
  readonly network?: string;
}

/** Starts a container with these arguments of the command. */
export function startContainer(args: readonly string[], given: RunOptions = {}): Container {
  const { user, options = [], command, isRootWritable = false, network = 'host' } = given;
  const name = `pillion-test-${process.pid}-${++count}`;
  const child = spawn('podman', [
    ...['run', `--name=${name}`, '--pull=never', `--network=${network}`, ...CONFINED],
    ...(isRootWritable ? [] : READ_ONLY),
    ...(user === undefined ? [] : [`--user=${user}`]),
    ...(command === undefined ? [] : [`--entrypoint=${command}`]),
    ...options,
    IMAGE,
    ...args,
  ]);
  started.set(name, child);
  const lines: LogLine[] = [];
  const text: string[] = [];
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      text.push(line);
      if (line.startsWith('{')) lines.push(JSON.parse(line) as LogLine);
      for (const look of waiting) look();
    });
  }
  const exited = new Promise<number>((resolve) => {
    child.once('close', (code) => resolve(code ?? -1));
  });
  const line = (matches: (line: LogLine) => boolean): Promise<LogLine> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const found = lines.find(matches);
        if (found === undefined) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
      void exited.then((code) => reject(new Error(`the container ended (${code}):\n${text.join('\n')}`)));
    });
  return {
    name,
    lines,
    line,
    exited,
    output: () => text.join('\n'),
  };
}

/** Where a container that has told so is ready. */
export async function addresses(container: Container): Promise<{ rest: string; grpc: string }> {
  const ready = await container.line((line) => line.event === 'ready');
  return { rest: `http://${(ready['rest'] as string[])[0]}`, grpc: (ready['grpc'] as string[])[0]! };
}

/** Asks it to end as an orchestrator does: the image's signal, and some time. Its exit status. */
export async function stop(container: Container): Promise<number> {
  await podman('stop', '--time=20', container.name);
  return container.exited;
}
