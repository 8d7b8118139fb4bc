/**
 * The sandbox of the processes that host models. A model's graph is code: TensorFlow's has ops that read and write files,
 * and a bug of a runtime may run anything. So a process gets only what its model needs, as far as this machine allows:
 *
 *     bubblewrap   the process sees its model, the runtimes and the system's libraries, all read-only, its own empty
 *                  /tmp, and no network and no other process
 *     another user it cannot read files, memory or environment of the server; only if the server runs as root
 *     setpriv      it has no capabilities, and gets none by setuid programs; with Landlock, it opens only the files above,
 *                  and cannot reach into the server even as the same user
 *
 * The kernel's part (backends/host/process/sandbox.ts) holds everywhere.
 */
import { tmpdir } from 'node:os';
import process from 'node:process';
import type { LoadSettings } from '../../backends/backend.ts';
import { childEnvironment } from '../../backends/host/process/child-environment.ts';
import type { Confined, ModelFiles, Sandbox, SandboxState } from '../../backends/host/process/sandbox.ts';
import { ServingError } from '../../core/errors.ts';
import { commandLine, hidesFiles, NO_MEANS, type SandboxMeans } from './command-line.ts';
import { commonMounts, type Mount, modelMounts, plugInMounts, shows } from './mounts.ts';
import { firstUnreadable } from './readable.ts';
import { bestMeans, findBestMeans } from './sandbox-means.ts';
import { remainingRights } from './sandbox-state.ts';

export type SandboxMode = 'auto' | 'require' | 'off';

export interface SandboxOptions {
  /** auto: what this machine allows. require: processes that it cannot confine fully do not start. */
  readonly mode: SandboxMode;
  /** Numeric user and group of the processes if the server runs as root. */
  readonly user: number;
  /** Environment variables that are passed on besides the list. */
  readonly environment: readonly string[];
  /** Files and directories that processes may read besides their models and the runtimes. */
  readonly readable: readonly string[];
  /** Called when it is known what the machine allows: before the first process, if there is ever one. */
  readonly onTried?: (state: SandboxState) => void;
}

export class ToolSandbox implements Sandbox {
  readonly #options: SandboxOptions;
  readonly #common: readonly Mount[];
  #known: SandboxMeans | undefined;
  #found: Promise<void> | undefined;

  /** `means`: what is used instead of the machine's tools. */
  constructor(options: SandboxOptions, means?: SandboxMeans) {
    this.#options = options;
    this.#common = options.mode === 'off' ? [] : commonMounts(options.readable);
    this.#known = options.mode === 'off' ? NO_MEANS : means;
  }

  /**
   * Tries the machine's tools, once, beside other work: that starts processes. Who confines a process without it blocks for
   * some tens of milliseconds.
   */
  prepare(): Promise<void> {
    this.#found ??= this.#tryMeans();
    return this.#found;
  }

  async #tryMeans(): Promise<void> {
    if (this.#known === undefined) {
      const found = await findBestMeans(this.#options.user, this.#common);
      this.#known ??= found;
    }
    this.#options.onTried?.(this.state);
  }

  get #means(): SandboxMeans {
    this.#known ??= bestMeans(this.#options.user, this.#common);
    return this.#known;
  }

  get requiredBy(): string | undefined {
    return this.#options.mode === 'require' ? 'model_sandbox=require' : undefined;
  }

  /** The state of a process whose model's files every user may read. */
  get state(): SandboxState {
    return this.#stateOf(this.#unreadable([], []));
  }

  /**
   * How to start `program` for models with these files. Throws `load_failed` if a file is a link to a place that the
   * process must not see, or if the sandbox is required and cannot be full.
   */
  confine(name: string, program: readonly string[], files: ModelFiles, loadOptions: LoadSettings): Confined {
    const { environment, readable } = this.#options;
    const { bubblewrap } = this.#means;
    const isHiding = hidesFiles(this.#means);
    const mountsOf = (of: ModelFiles): readonly Mount[] =>
      isHiding ? modelMounts(of, readable) : plugInMounts(of.backends);
    const own = mountsOf(files);
    const mounts = isHiding ? [...this.#common, ...own] : [];
    const unreadable = this.#unreadable(files.versions, own);
    const means = this.#meansFor(unreadable);
    const state = this.#stateOf(unreadable);
    if (this.requiredBy !== undefined && state.level !== 'full') throw cannotBeFull(name, state);
    const [command, ...args] = commandLine(means, mounts, program);
    const env = childEnvironment(process.env, loadOptions, environment);
    return {
      command: command!,
      args,
      env:
        !isHiding && means.user === undefined
          ? env
          : withOwnPlaces(env, environment, bubblewrap === undefined ? tmpdir() : '/tmp'),
      uid: bubblewrap === undefined && means.setpriv === undefined ? means.user : undefined,
      state,
      isWrapped: bubblewrap !== undefined,
      admits: (others) => {
        const wanted = mountsOf(others);
        const isShown = !isHiding || shows(mounts, wanted);
        return isShown && (means.user === undefined || this.#unreadable(others.versions, wanted).length === 0);
      },
    };
  }

  /**
   * The paths that the other user cannot read: the first that every process needs, and the first of the models', so
   * that both can be mended at once. Without bubblewrap, the way there counts too.
   */
  #unreadable(versions: readonly string[], own: readonly Mount[]): readonly string[] {
    const { user, bubblewrap } = this.#means;
    if (user === undefined) return [];
    const first = (paths: readonly string[], isDeep: boolean): string | undefined =>
      firstUnreadable(paths, { user, isWayOpen: bubblewrap !== undefined, isDeep });
    const placesOf = (mounts: readonly Mount[]): readonly string[] => mounts.map(({ from }) => from);
    const found = [first(placesOf(this.#common), false), first(versions, true) ?? first(placesOf(own), false)];
    return [...new Set(found)].filter((path) => path !== undefined);
  }

  /** The other user is not used if there is something that it cannot read. */
  #meansFor(unreadable: readonly string[]): SandboxMeans {
    return unreadable.length === 0 ? this.#means : { ...this.#means, user: undefined };
  }

  #stateOf(unreadable: readonly string[]): SandboxState {
    const { mode, user } = this.#options;
    return remainingRights({ means: this.#meansFor(unreadable), isOff: mode === 'off', user, unreadable });
  }
}

/** The server's home and other places are not there in the sandbox, or not for another user. */
function withOwnPlaces(
  env: Record<string, string>,
  kept: readonly string[],
  temporary: string,
): Record<string, string> {
  const own: Record<string, string> = { ...env, HOME: temporary, TMPDIR: temporary };
  for (const name of ['TEMP', 'TMP', 'USER', 'XDG_CACHE_HOME']) if (!kept.includes(name)) delete own[name];
  return own;
}

function cannotBeFull(name: string, { lacks }: SandboxState): ServingError {
  const text = `"${name}" is not loaded: --model_sandbox=require, and the sandbox of its process would not be full`;
  return new ServingError('load_failed', `${text}: ${lacks.join('; ')}; docs/why/hosts.md says what it needs`);
}
