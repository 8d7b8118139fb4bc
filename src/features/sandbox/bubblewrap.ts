/**
 * The arguments of bubblewrap (bwrap): https://github.com/containers/bubblewrap
 *
 *     /                 empty and read-only, except for the mounts
 *     /tmp, /dev/shm    empty, writable, and gone with the process
 *     /dev              null, zero, full, random, urandom, and GPUs
 *     /proc             of the process alone
 */
import { dirname } from 'node:path';
import process from 'node:process';
import { devicePaths } from './devices.ts';
import type { Mount } from './mounts.ts';

/** Root may write below these, whatever capabilities it lacks. */
const GLOBAL_PROC = ['/proc/sys', '/proc/sysrq-trigger', '/proc/fs', '/proc/irq', '/proc/bus'];

/** setpriv drops them. */
const TO_CHANGE_USER = ['CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP'];
/** The capability to read models that root alone may read. Everything that the process sees is read-only. */
const TO_READ = ['CAP_DAC_OVERRIDE'];

/** `changesUser`: what it starts changes its user with setpriv. `mounts` with the same parents: the upper one first. */
export function bubblewrapArguments(mounts: readonly Mount[], changesUser: boolean): readonly string[] {
  const isRoot = process.getuid?.() === 0;
  const keeps = changesUser ? TO_CHANGE_USER : isRoot ? TO_READ : [];
  const directory = process.cwd();
  return [
    ...['--die-with-parent', '--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts'],
    ...['--unshare-cgroup-try', '--cap-drop', 'ALL', ...keeps.flatMap((name) => ['--cap-add', name])],
    ...['--perms', '1777', '--tmpfs', '/tmp', '--perms', '0755', '--tmpfs', '/dev'],
    ...['--perms', '1777', '--tmpfs', '/dev/shm', '--proc', '/proc'],
    ...(isRoot ? GLOBAL_PROC.flatMap((path) => ['--ro-bind-try', path, path]) : []),
    ...devicePaths().flatMap((path) => ['--dev-bind', path, path]),
    // Bubblewrap would make them so that only the server's user may enter.
    ...directoriesAbove(mounts, directory).flatMap((path) => ['--perms', '0755', '--dir', path]),
    ...mounts.flatMap(({ from, at }) => ['--ro-bind-try', from, at]),
    ...['--remount-ro', '/dev', '--remount-ro', '/', '--chdir', directory],
  ];
}

/** The working directory as well: relative paths of models lead from there. */
function directoriesAbove(mounts: readonly Mount[], workingDirectory: string): readonly string[] {
  const found = new Set<string>();
  const add = (path: string): void => {
    if (path === '/' || found.has(path)) return;
    add(dirname(path));
    found.add(path);
  };
  for (const { at } of mounts) add(dirname(at));
  add(workingDirectory);
  return [...found];
}
