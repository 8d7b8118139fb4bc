/** Starts a child process that hosts models, with its file descriptors (frame.ts), in its sandbox. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { ServingError } from '../../../core/errors.ts';
import type { LoadSettings } from '../../backend.ts';
import { siblingModule } from '../sibling-module.ts';
import { HEARTBEAT_FD } from './frame.ts';
import { type Confined, type ModelFiles, NO_SANDBOX, type Sandbox } from './sandbox.ts';

type ChildEntry = './child-entry' | './group-entry' | './replica-entry';

export interface ChildOptions {
  /** Shown in process lists: the model's or the group's name. */
  readonly name: string;
  readonly files: ModelFiles;
  readonly loadOptions: LoadSettings;
  /** Default: only its environment is filtered. */
  readonly sandbox?: Sandbox | undefined;
}

export interface StartedChild {
  /** The model's process, or the tool that it runs under. */
  readonly child: ChildProcess;
  readonly confined: Confined;
}

/** Starts the process. Throws `load_failed` when the system cannot start one, or its sandbox refuses the model. */
export function startChild(entry: ChildEntry, options: ChildOptions): StartedChild {
  const { name, files, loadOptions, sandbox = NO_SANDBOX } = options;
  const program = [process.execPath, fileURLToPath(siblingModule(import.meta.url, entry)), name];
  const confined = sandbox.confine(name, program, files, loadOptions);
  const { command, args, env, uid } = confined;
  const failed = (cause: unknown): ServingError =>
    new ServingError('load_failed', `no process can be started for "${name}": ${String(cause)}`, {
      cause,
      attributes: { noProcess: true },
    });
  let child: ChildProcess;
  try {
    child = spawn(command, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      ...(uid !== undefined && { uid, gid: uid }),
    });
  } catch (error) {
    throw failed(error);
  }
  // There are no pipes if no file descriptor is free, and an error event follows.
  if (child.stdio?.[HEARTBEAT_FD] === undefined) {
    child.on('error', () => undefined);
    throw failed('too many open files (EMFILE); raise their limit (ulimit -n)');
  }
  return { child, confined };
}

/** "exit code 1", "signal SIGKILL". A tool that the process runs under exits with 128 + the signal that ended it. */
export function describeEnd(code: number | null, signal: string | null, { isWrapped }: Confined): string {
  const number = isWrapped && code !== null ? code - 128 : 0;
  const [name = signal] = Object.entries(constants.signals).find(([, each]) => each === number) ?? [];
  return name === null ? `exit code ${code}` : `signal ${name}`;
}

/** The number of the model's process; undefined if it is not known. Under bubblewrap, it is a grandchild. */
export function modelPid({ child, confined }: StartedChild): number | undefined {
  if (!confined.isWrapped) return child.pid;
  try {
    const childOf = (pid: number): number =>
      Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1'), 10);
    return childOf(childOf(child.pid!)) || undefined;
  } catch {
    return undefined;
  }
}
