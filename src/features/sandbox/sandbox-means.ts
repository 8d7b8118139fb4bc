/** Finds out what this machine can confine processes with, by starting one with each set of tools. */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import process from 'node:process';
import { childEnvironment } from '../../backends/host/process/child-environment.ts';
import { readTextFile } from '../../config/machine/cgroup.ts';
import { commandLine, NO_MEANS, type SandboxMeans } from './command-line.ts';
import type { Mount } from './mounts.ts';

/** A tool that takes longer does not work. */
const PROBE_MS = 5000;

/** The best that works here. `user` is used only if the server is root and may change and signal users. */
export function bestMeans(user: number, mounts: readonly Mount[]): SandboxMeans {
  const works = (means: SandboxMeans): boolean => {
    const { command, args, options } = trial(means, mounts);
    return spawnSync(command, args, options).status === 0;
  };
  return candidates(user).find(works) ?? NO_MEANS;
}

/** `bestMeans` without blocking the event loop. */
export async function findBestMeans(user: number, mounts: readonly Mount[]): Promise<SandboxMeans> {
  for (const means of candidates(user)) {
    const { command, args, options } = trial(means, mounts);
    const status = await new Promise((resolve) => {
      spawn(command, args, options).once('error', resolve).once('exit', resolve);
    });
    if (status === 0) return means;
  }
  return NO_MEANS;
}

/** The means that the machine has, the strictest first. */
function candidates(user: number): readonly SandboxMeans[] {
  if (process.platform !== 'linux') return [];
  const isRoot = process.getuid?.() === 0;
  const other = isRoot && user !== 0 && mayChangeUser() ? user : undefined;
  const bubblewrap = findTool('bwrap');
  const setpriv = findTool('setpriv');
  const found: SandboxMeans[] = [];
  // Bubblewrap that root starts keeps root's user; setpriv changes it inside.
  if (bubblewrap !== undefined && !isRoot) found.push({ bubblewrap });
  if (bubblewrap !== undefined && setpriv !== undefined && other !== undefined) {
    found.push({ bubblewrap, setpriv, user: other });
  }
  if (setpriv !== undefined) found.push({ setpriv, landlock: true, user: other }, { setpriv, user: other });
  if (other !== undefined) found.push({ user: other });
  return found;
}

/** The first program of that name on PATH. Directories that depend on the working directory do not count. */
export function findTool(name: string, path: string = process.env['PATH'] ?? ''): string | undefined {
  for (const directory of path.split(delimiter)) {
    const file = join(directory, name);
    try {
      if (!isAbsolute(directory) || !statSync(file).isFile()) continue;
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not there, or not for us.
    }
  }
  return undefined;
}

/** How to start Node with these means, which shows whether they work. */
function trial(means: SandboxMeans, mounts: readonly Mount[]) {
  const [command, ...args] = commandLine(means, mounts, [process.execPath, '--version']);
  const user = means.setpriv === undefined && means.user !== undefined ? { uid: means.user, gid: means.user } : {};
  const env = childEnvironment(process.env, { intraOpThreads: 1, executionProvider: 'cpu' });
  return { command: command!, args, options: { env, stdio: 'ignore' as const, timeout: PROBE_MS, ...user } };
}

/** CAP_KILL, CAP_SETGID and CAP_SETUID: a container's root may lack them. */
const NEEDED_CAPABILITIES = 0b1110_0000n;

/** False where that cannot be read. */
function mayChangeUser(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readTextFile('/proc/self/status') ?? '')?.[1];
  return effective !== undefined && (BigInt(`0x${effective}`) & NEEDED_CAPABILITIES) === NEEDED_CAPABILITIES;
}
