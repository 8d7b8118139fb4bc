/**
 * Models that share child processes, so that the memory of their runtime is used once. Each model has its own sessions
 * in the process, and each session has its own thread.
 *
 * A new session goes into the group's process, or into a new one when none takes more sessions. So a group whose
 * process is gone or too large moves to another, session by session, and the old process ends with its last session.
 *
 * A sandbox shows a process the base paths of the group's models as they are when it starts. A model that joins the
 * group later goes into a new process.
 */
import type { LoadSettings } from '../../backend.ts';
import { filesOf, type HostWorker, type WorkerLoad } from '../host-worker.ts';
import { ModelProcess, type ModelProcessOptions } from './model-process.ts';
import type { ModelFiles } from './sandbox.ts';

export type GroupProcessOptions = Pick<ModelProcessOptions, 'clock' | 'ceilingBytes' | 'sandbox'>;
/** Called with each line that a process of the group prints. */
export type OnGroupOutput = (group: string, line: string) => void;

/** A model of a group. */
export interface GroupMember {
  readonly basePath: string;
  /** The module of its backend if that is a plug-in, whose package a sandbox shows to the group's processes. */
  readonly backend?: string | undefined;
}

export class ProcessGroup {
  readonly name: string;
  /** The configured models of the group. */
  members: readonly GroupMember[] = [];
  readonly #onOutput: OnGroupOutput;
  #processes: readonly ModelProcess[] = [];

  constructor(name: string, onOutput: OnGroupOutput = () => undefined) {
    this.name = name;
    this.#onOutput = onOutput;
  }

  /** The running processes, in the order of their start. */
  get processes(): readonly ModelProcess[] {
    return this.#processes;
  }

  /** True when the next session will need no new process. */
  get takesMore(): boolean {
    return this.#processes.some((each) => each.takesMore);
  }

  /** Opens a session of the model. Throws `load_failed` when the system cannot start a process. */
  open(model: string, load: WorkerLoad, { clock, ceilingBytes, sandbox }: GroupProcessOptions): HostWorker {
    const files = filesOf(load);
    const { executionProvider } = load.loadOptions;
    // Its libraries are chosen when a process starts.
    const fits = (each: ModelProcess): boolean =>
      each.takesMore && each.executionProvider === executionProvider && each.sees(files);
    const found = this.#processes.find(fits) ?? this.#start(load.loadOptions, files, { clock, ceilingBytes, sandbox });
    return found.open(model, load);
  }

  #start(loadOptions: LoadSettings, files: ModelFiles, options: GroupProcessOptions): ModelProcess {
    const basePaths = this.members.map(({ basePath }) => basePath);
    const backends = [...files.backends, ...this.members.flatMap(({ backend }) => backend ?? [])];
    const started = new ModelProcess({
      ...options,
      ...{ name: this.name, isShared: true, loadOptions, files: { ...files, basePaths, backends } },
      onOutput: (line) => this.#onOutput(this.name, line),
      onGone: () => {
        this.#processes = this.#processes.filter((each) => each !== started);
      },
    });
    this.#processes = [...this.#processes, started];
    return started;
  }
}

/** The groups of one server, by name. */
export class ProcessGroups {
  readonly #groups = new Map<string, ProcessGroup>();
  readonly #onOutput: OnGroupOutput | undefined;

  constructor(onOutput?: OnGroupOutput) {
    this.#onOutput = onOutput;
  }

  /** Sets the members of all groups. */
  configure(models: readonly (GroupMember & { readonly processGroup?: string | undefined })[]): void {
    const names = new Set([...this.#groups.keys(), ...models.flatMap(({ processGroup }) => processGroup ?? [])]);
    for (const name of names) this.of(name).members = models.filter(({ processGroup }) => processGroup === name);
  }

  /** The group of that name, created when it is first requested. */
  of(name: string): ProcessGroup {
    const group = this.#groups.get(name) ?? new ProcessGroup(name, this.#onOutput);
    this.#groups.set(name, group);
    return group;
  }
}
