/**
 * Sets who may open a Unix socket: the mode and the group of its file. Linux asks for write permission to connect. Node
 * tells nothing about the process at the other end (no SO_PEERCRED), so the file's permissions are all there is.
 */
import { chmodSync, chownSync, statSync } from 'node:fs';
import process from 'node:process';

export interface SocketAccess {
  /** Permission bits; undefined = as the process's umask has it. */
  readonly mode?: number | undefined;
  /** A group's number; undefined = the process's own. */
  readonly group?: number | undefined;
}

/** The mode until the file has its group and mode: only the owner may connect. */
const PRIVATE_UMASK = 0o177;

/**
 * Runs `bind`, which makes the file at `path` before it returns. At no time may more processes connect than `access`
 * says. Throws the system's error (EPERM: the process is not in the group), after which the socket must be closed.
 */
export function bindWithAccess(path: string, { mode, group }: SocketAccess, bind: () => void): void {
  if (mode === undefined && group === undefined) {
    bind();
    return;
  }
  const umask = process.umask(PRIVATE_UMASK);
  try {
    bind();
  } finally {
    process.umask(umask);
  }
  if (group !== undefined) chownSync(path, statSync(path).uid, group);
  chmodSync(path, mode ?? 0o777 & ~umask);
}
