/**
 * Models that share child processes: what their runtime takes by itself is there once. Each model has sessions of its own
 * in it, each on a thread of its own.
 *
 * A new session goes into the group's process, or, where there is none that takes more, into a new one: so a group whose
 * process is gone or too large goes on in another, session by session, and the old one ends with its last session.
 */
import type { HostWorker, WorkerLoad } from '../host-worker.ts';
import { ModelProcess, type ModelProcessOptions } from './model-process.ts';

export type GroupProcessOptions = Pick<ModelProcessOptions, 'clock' | 'ceilingBytes' | 'onOutput'>;

export class ProcessGroup {
  readonly name: string;
  #processes: readonly ModelProcess[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** Those that live, in the order in which they were started. */
  get processes(): readonly ModelProcess[] {
    return this.#processes;
  }

  /** The next session goes into a process that is there. */
  get takesMore(): boolean {
    return this.#processes.some((each) => each.takesMore);
  }

  /** A session of the model. Throws `load_failed` where the system starts no process. */
  open(model: string, load: WorkerLoad, options: GroupProcessOptions): HostWorker {
    const found = this.#processes.find((each) => each.takesMore) ?? this.#start(load, options);
    return found.open(model, load);
  }

  #start({ loadOptions }: WorkerLoad, options: GroupProcessOptions): ModelProcess {
    const started = new ModelProcess({
      ...options,
      ...{ name: this.name, isShared: true, loadOptions },
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

  /** Made when it is first asked for. */
  of(name: string): ProcessGroup {
    const group = this.#groups.get(name) ?? new ProcessGroup(name);
    this.#groups.set(name, group);
    return group;
  }

  /** Those that have a process. */
  get running(): readonly ProcessGroup[] {
    return [...this.#groups.values()].filter(({ processes }) => processes.length > 0);
  }
}
