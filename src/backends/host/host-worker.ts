/**
 * A worker: a thread or a process that holds one session. worker-slots.ts owns them, worker-host.ts runs batches on
 * them.
 */
import type { ServingError } from '../../core/errors.ts';
import type { Signature } from '../../core/signature.ts';
import type { LoadSettings } from '../backend.ts';
import type { BackendNote } from './backend-notes.ts';
import type { ModelFiles, SandboxState } from './process/sandbox.ts';
import type { RunPriority } from './thread-priority.ts';
import type { Answer, Call } from './worker-call.ts';

/** The model that a worker loads. */
export interface WorkerLoad {
  readonly versionDirectory: string;
  /** The module of its backend, as importBackend takes it. */
  readonly backendModule: string;
  readonly loadOptions: LoadSettings;
  readonly priority?: RunPriority | undefined;
}

/** The files of a load, for its process's sandbox. */
export function filesOf({
  versionDirectory,
  backendModule,
}: Pick<WorkerLoad, 'versionDirectory' | 'backendModule'>): ModelFiles {
  return { versions: [versionDirectory], basePaths: [], backends: [backendModule] };
}

/** The result of loading. */
export interface WorkerReady {
  readonly signatures: ReadonlyMap<string, Signature>;
  /** The session has runSync. */
  readonly isSynchronous: boolean;
  /** The backend's time to load the model, in ms (core-time.ts), without importing the runtime. */
  readonly loadMs: number;
  /** The session's warnings. */
  readonly warnings: readonly string[];
}

/** A worker from start to end: it loads, runs one batch at a time, and closes or dies. Its owner replaces it. */
export interface HostWorker {
  /** Resolves once the session is loaded; rejects with its `load_failed`. */
  readonly ready: Promise<WorkerReady>;
  /** Called with the reason when the worker is gone, before pending promises are rejected. */
  onExit: ((reason: string) => void) | undefined;
  /** Called with what its backend tells. */
  onNotes?: ((notes: readonly BackendNote[]) => void) | undefined;
  /** Called with the reason, repeatedly, while the worker's process is over its memory ceiling. Processes only. */
  onTooLarge?: ((reason: string) => void) | undefined;
  /** Its last reported resident memory outside the server's process, in bytes. Undefined: none, or not known yet. */
  readonly residentBytes?: number | undefined;
  /** The sandbox of its own process; undefined: it has none. */
  readonly sandbox?: SandboxState | undefined;
  /** The reason of its end; undefined while it lives. */
  readonly goneBecause: string | undefined;
  /**
   * It is gone for no fault of its own: another session ended the process that they shared, or its run was ended because
   * nobody waited for it. Absent = false.
   */
  readonly isBlameless?: boolean;
  /** It accepts its next batch while it runs one; known when it is ready. Absent = false. */
  readonly takesNext?: boolean;
  /** The traceparent of its current batch, if that is traced and known. */
  readonly traceparent?: string | undefined;
  /** It has unanswered batches. Absent = false. */
  readonly isBusy?: boolean;
  /** It accepts a batch now, though it may still run another. Absent = false. */
  readonly hasPlace?: boolean;
  /** Runs one batch, now or after the current one. Rejects with the session's error, or `worker_lost` if it dies. */
  run(call: Call): Promise<Answer>;
  /** Nobody waits for the current run any more. Absent = runs end by themselves only. */
  abandonRun?(): void;
  /**
   * Closes the session, ends the worker, and resolves when it is gone. Called between runs, or while it loads: then the
   * load is given up. Idempotent. Never rejects.
   */
  close(): Promise<void>;
}

/** The functions that settle a promise. */
export interface Pending<T> {
  resolve(value: T): void;
  reject(error: ServingError): void;
}
