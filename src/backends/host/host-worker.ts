/** What a host has many of: a thread or a process that holds one session. worker-slots.ts keeps them, worker-host.ts uses them. */
import type { ServingError } from '../../core/errors.ts';
import type { Signature } from '../../core/signature.ts';
import type { LoadOptions } from '../backend.ts';
import type { Answer, Call } from './worker-call.ts';

/** What a worker is to load. */
export interface WorkerLoad {
  readonly versionDirectory: string;
  /** Undefined = by the artifact. */
  readonly backendKind: string | undefined;
  readonly loadOptions: LoadOptions;
  /** Nobody waits for its runs: it gets what of the cores all others leave. Default false. */
  readonly isBackground?: boolean | undefined;
}

/** What loading has shown. */
export interface WorkerReady {
  readonly signatures: ReadonlyMap<string, Signature>;
  /** The session has runSync. */
  readonly isSynchronous: boolean;
  /** Milliseconds that the backend took to load the model; importing the runtime is not counted. */
  readonly loadMs: number;
  /** The session's. */
  readonly warnings: readonly string[];
}

/** One life of one worker: load, run one batch at a time, close or die. Restarts are its owner's. */
export interface HostWorker {
  /** Resolves once the session is loaded; rejects with its `load_failed`. */
  readonly ready: Promise<WorkerReady>;
  /** Called with the reason when the worker is gone, before what was pending is rejected. */
  onExit: ((reason: string) => void) | undefined;
  /** Called with the reason, again and again, while the worker takes more memory than it may. Not of threads. */
  onTooLarge?: ((reason: string) => void) | undefined;
  /** Memory that it takes outside the server's process, in bytes, as last heard. Undefined: none, or not known yet. */
  readonly residentBytes?: number | undefined;
  /** Why it is gone; undefined while it lives. */
  readonly goneBecause: string | undefined;
  /** It is gone for what another session did to the process that they shared. Absent = false. */
  readonly isBystander?: boolean;
  /** It can be given its next batch while it runs one; known once it is ready. Absent = false, and so are those below. */
  readonly takesNext?: boolean;
  /** Of the batch that it runs, where that is traced and it knows. */
  readonly traceparent?: string | undefined;
  /** It has batches that it has not answered. */
  readonly isBusy?: boolean;
  /** It can be given a batch now; it may run another one before. */
  readonly hasPlace?: boolean;
  /** Runs one batch; one at a time, but for a next one. Rejects with the session's error, or with `worker_lost` if the worker dies. */
  run(call: Call): Promise<Answer>;
  /** Frees the session, ends the worker, and resolves when it is gone. Called between runs. Never rejects. */
  close(): Promise<void>;
}

/** Settles a promise that was handed out. */
export interface Pending<T> {
  resolve(value: T): void;
  reject(error: ServingError): void;
}
