/**
 * The seam of what confines the processes that host models. The kernel filters their environment, has them ignore the
 * signals of a terminal from the start, and lets them dump no core; src/features/sandbox does the rest.
 */
import { existsSync } from 'node:fs';
import process from 'node:process';
import type { LoadSettings } from '../../backend.ts';
import { childEnvironment } from './child-environment.ts';

/** The files of the models in one process. */
export interface ModelFiles {
  /** Directories of the versions that it will load first. */
  readonly versions: readonly string[];
  /** Base paths of models that it may load later. */
  readonly basePaths: readonly string[];
  /** Modules of the models' backends, as importBackend takes them. */
  readonly backends: readonly string[];
}

export interface SandboxState {
  /** full: it lacks nothing. partial: the means confine it, but not from everything. none: there are no means. */
  readonly level: 'full' | 'partial' | 'none';
  /** The means, in a few words: "bubblewrap, user 65534". Empty = none. */
  readonly by: string;
  /** Actions that the process may still do and a full sandbox prevents, one clause each. */
  readonly lacks: readonly string[];
}

/** How to start one process, and what will confine it. */
export interface Confined {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The user and group to start `command` with; undefined = the server's. */
  readonly uid: number | undefined;
  readonly state: SandboxState;
  /** The started process is a tool's; the model's is a descendant of it. */
  readonly isWrapped: boolean;
  /** False: the process cannot read these files, though another one might. */
  admits(files: ModelFiles): boolean;
}

export interface Sandbox {
  /** The option, as it was given, by which models run in confined processes or not at all; undefined = none does. */
  readonly requiredBy: string | undefined;
  /** Finds out, beside other work, what this machine allows. Called before the first process. */
  prepare(): Promise<void>;
  /** How to start `program` for models with these files. Throws `load_failed` if it must not be started so. */
  confine(name: string, program: readonly string[], files: ModelFiles, loadOptions: LoadSettings): Confined;
}

const SHELL = ['/bin/sh', '-c', 'trap "" HUP INT TERM; ulimit -c 0; exec "$@"', 'sh'];

/**
 * The command line of `program`. Ignored signals stay ignored in what sh starts, so Ctrl-C does not end it during a
 * drain.
 */
export function inShell(program: readonly string[]): readonly string[] {
  return existsSync(SHELL[0]!) ? [...SHELL, ...program] : program;
}

const UNCONFINED: SandboxState = { level: 'none', by: '', lacks: ['the server is without the feature sandbox'] };

export const NO_SANDBOX: Sandbox = {
  requiredBy: undefined,
  prepare: () => Promise.resolve(),
  confine: (_, program, __, loadOptions) => {
    const [command, ...args] = inShell(program);
    const env = childEnvironment(process.env, loadOptions);
    return { command: command!, args, env, uid: undefined, state: UNCONFINED, isWrapped: false, admits: () => true };
  },
};
