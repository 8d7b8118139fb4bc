/**
 * Models that share child processes: what their runtime takes by itself is there once. Each model has sessions of its own
 * in it, each on a thread of its own.
 *
 * A new session goes into the group's process, or, where there is none that takes more, into a new one: so a group whose
 * process is gone or too large goes on in another, session by session, and the old one ends with its last session.
 */
import type { HostWorker, WorkerLoad } from '../host-worker.ts';
import { ModelProcess, type ModelProcessOptions } from './model-process.ts';

export type GroupProcessOptions = Pick<ModelProcessOptions, 'clock' | 'ceilingBytes'>;
/** Told each line that a process of the group prints. */
export type OnGroupOutput = (group: string, line: string) => void;

export class ProcessGroup {
  readonly name: string;
  readonly #onOutput: OnGroupOutput;
  #processes: readonly ModelProcess[] = [];

  constructor(name: string, onOutput: OnGroupOutput = () => undefined) {
    this.name = name;
    this.#onOutput = onOutput;
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

  /** Made when it is first asked for. */
  of(name: string): ProcessGroup {
    const group = this.#groups.get(name) ?? new ProcessGroup(name, this.#onOutput);
    this.#groups.set(name, group);
    return group;
  }
}
