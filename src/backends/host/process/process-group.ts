/**
 * Models that share child processes, so that the memory of their runtime is used once. Each model has its own sessions
 * in the process, and each session has its own thread.
 *
 * A new session goes into the group's process, or into a new one when none takes more sessions. So a group whose
 * process is gone or too large moves to another, session by session, and the old process ends with its last session.
 */
import type { HostWorker, WorkerLoad } from '../host-worker.ts';
import { ModelProcess, type ModelProcessOptions } from './model-process.ts';

export type GroupProcessOptions = Pick<ModelProcessOptions, 'clock' | 'ceilingBytes'>;
/** Called with each line that a process of the group prints. */
export type OnGroupOutput = (group: string, line: string) => void;

export class ProcessGroup {
  readonly name: string;
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
  open(model: string, load: WorkerLoad, { clock, ceilingBytes }: GroupProcessOptions): HostWorker {
    const found = this.#processes.find((each) => each.takesMore) ?? this.#start(load, { clock, ceilingBytes });
    return found.open(model, load);
  }

  #start({ loadOptions }: WorkerLoad, options: GroupProcessOptions): ModelProcess {
    const started = new ModelProcess({
      ...options,
      ...{ name: this.name, isShared: true, loadOptions },
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

  /** The group of that name, created when it is first requested. */
  of(name: string): ProcessGroup {
    const group = this.#groups.get(name) ?? new ProcessGroup(name, this.#onOutput);
    this.#groups.set(name, group);
    return group;
  }
}
