/** The command lines that confine a program. */
import { inShell } from '../../backends/host/process/sandbox.ts';
import { bubblewrapArguments } from './bubblewrap.ts';
import { landlockArguments } from './landlock.ts';
import type { Mount } from './mounts.ts';

/** The means that confine a program: absolute paths of tools, and another user. */
export interface SandboxMeans {
  readonly bubblewrap?: string | undefined;
  /** util-linux's, with --reuid; not busybox's. */
  readonly setpriv?: string | undefined;
  /** setpriv and the kernel know Landlock. Not beside bubblewrap, which does more. */
  readonly landlock?: boolean | undefined;
  /** Numeric user and group, unlike the server's. */
  readonly user?: number | undefined;
}

export const NO_MEANS: SandboxMeans = {};

/** True if a process sees only the files that are mounted for it. */
export function hidesFiles({ bubblewrap, landlock }: SandboxMeans): boolean {
  return bubblewrap !== undefined || landlock === true;
}

/** The command line that starts `program` by these means. `mounts`: what it sees, if files are hidden from it. */
export function commandLine(
  means: SandboxMeans,
  mounts: readonly Mount[],
  program: readonly string[],
): readonly string[] {
  const { bubblewrap, setpriv, landlock, user } = means;
  return inShell([
    ...(bubblewrap === undefined ? [] : [bubblewrap, ...bubblewrapArguments(mounts, user !== undefined), '--']),
    ...(setpriv === undefined
      ? []
      : [setpriv, ...setprivArguments(user), ...(landlock === true ? landlockArguments(mounts) : [])]),
    ...program,
  ]);
}

/** Root that must keep its user keeps its capabilities: it may need them to read the model's files. */
function setprivArguments(user: number | undefined): readonly string[] {
  const drop = ['--inh-caps=-all', '--no-new-privs'];
  const change = [`--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--bounding-set=-all'];
  return user === undefined ? drop : [...change, ...drop];
}
