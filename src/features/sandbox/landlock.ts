/**
 * The arguments with which setpriv (util-linux 2.40 or later) restricts a process by Landlock: it may open the files below
 * these paths and no others, and cannot reach into processes that are not restricted, not even of its own user. It needs
 * no rights, so it works in containers, too.
 */
import { existsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { devicePaths } from './devices.ts';
import type { Mount } from './mounts.ts';

const FILE = 'execute,read-file';
const DIRECTORY = `${FILE},read-dir`;
const DEVICE = 'read-file,write-file,read-dir';
const TEMPORARY = 'read-file,read-dir,write-file,truncate,make-reg,make-dir,make-sym,remove-file,remove-dir,refer';

/** Facts of the machine that Node and runtimes read. Command lines of other processes are not among them. */
const PROC_PATHS = ['cpuinfo', 'driver', 'filesystems', 'loadavg', 'meminfo', 'stat', 'sys', 'uptime', 'version'];

export function landlockArguments(mounts: readonly Mount[]): readonly string[] {
  const seen = [...mounts.map(({ from }) => from), ...PROC_PATHS.map((name) => `/proc/${name}`)];
  return [
    '--landlock-access=fs',
    ...seen.filter((path) => existsSync(path)).map((path) => rule(isDirectory(path) ? DIRECTORY : FILE, path)),
    ...devicePaths().map((path) => rule(isDirectory(path) ? DEVICE : 'read-file,write-file', path)),
    // setpriv becomes the program that it starts, so this stays the program's.
    rule('read-file,read-dir,write-file', '/proc/self'),
    rule(TEMPORARY, tmpdir()),
  ];
}

function rule(access: string, path: string): string {
  return `--landlock-rule=path-beneath:${access}:${path}`;
}

function isDirectory(path: string): boolean {
  return statSync(path).isDirectory();
}
