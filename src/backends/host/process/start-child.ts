/** Starts a child process that hosts models, with the file descriptors that it wants (frame.ts). */
import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { ServingError } from '../../../core/errors.ts';
import type { LoadOptions } from '../../backend.ts';
import { siblingModule } from '../sibling-module.ts';
import { childEnvironment } from './child-environment.ts';
import { PULSE_FD } from './frame.ts';

export type ChildEntry = './child-entry' | './group-entry' | './replica-entry';

/** `name` is for who lists processes: the model's or the group's. Throws `load_failed` where the system starts none. */
export function startChild(entry: ChildEntry, name: string, loadOptions: LoadOptions): ChildProcess {
  const failed = (cause: unknown): ServingError =>
    new ServingError('load_failed', `no process can be started for "${name}": ${String(cause)}`, { cause });
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [fileURLToPath(siblingModule(import.meta.url, entry)), name], {
      env: childEnvironment(process.env, loadOptions),
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
  } catch (error) {
    throw failed(error);
  }
  // Where file descriptors have run out there are no pipes, and an error event is to come.
  if (child.stdio?.[PULSE_FD] === undefined) {
    child.on('error', () => undefined);
    throw failed('too many open files (EMFILE)');
  }
  return child;
}
