/**
 * The interface of a runtime. Start at docs/how-to/add-a-backend.md; every backend must pass the suite
 * src/api/contract/backend-contract.ts in every host.
 *
 * A Backend is found by its `kind` (backends.ts) or by the artifact that it recognises. Its sessions run inside a
 * *host*, most often a worker thread or a process: so all values that cross this interface must survive a structured
 * clone.
 */
import type { Instant } from '../core/clock.ts';
import type { BatchOrigin } from '../core/executor.ts';
import type { BatchAxes, Signature } from '../core/signature.ts';
import type { TensorMap } from '../core/tensor.ts';
import type { RunOps } from './op-profile.ts';

/** Values that a model's configuration has for its backend, by name (`parameters` of pillion.yaml). */
export type ModelParameters = ReadonlyMap<string, string | number | boolean>;

/** The server's settings of a session before it is loaded: plain values, which cross to threads and processes. */
export interface LoadSettings {
  /** Threads that one run may use inside the runtime. */
  readonly intraOpThreads: number;
  /** The device that computes: 'cpu', 'cuda'. A provider that is not installed is rejected with `load_failed`. */
  readonly executionProvider: string;
  /** Default: none. */
  readonly parameters?: ModelParameters | undefined;
  /** The model's name. Default: ''. */
  readonly model?: string | undefined;
  /** Undefined = it is not loaded as a version of a model. */
  readonly version?: bigint | undefined;
  /** The number of the session among those of the model, from 0: to choose a device by. Default: 0. */
  readonly slot?: number | undefined;
  /** Files that the artifact names must lie under one of these directories, or in its own. Undefined = anywhere. */
  readonly fileRoots?: readonly string[] | undefined;
  /** Numbers of the provider's devices: a session is on that of its slot, and begins again after the last. Default: 0. */
  readonly devices?: readonly number[] | undefined;
  /** Largest message that a session may take from another server, as sent and decompressed, in bytes. Default: 64 MiB. */
  readonly maxMessageBytes?: number | undefined;
}

/** The options with which a backend loads a model. load-options.ts makes them. */
export interface LoadOptions extends LoadSettings {
  /** A backend rejects those that it does not know: `checkParameters` of load-options.ts. */
  readonly parameters: ModelParameters;
  readonly model: string;
  readonly slot: number;
  readonly maxMessageBytes: number;
  /** Writes lines to the server's log, with the model's name and version. */
  readonly log: BackendLog;
  /** Metrics of the backend's own, on the server's page of metrics. */
  readonly metrics: BackendMetrics;
  /** Aborted when nobody needs the session any more. A backend may then reject with anything. */
  readonly signal: AbortSignal;
}

/** Lines are shortened to 4096 characters, and at most ten a second of a model are logged. */
export interface BackendLog {
  info(text: string): void;
  warn(text: string): void;
}

/**
 * Names are the backend's own, at most 32: a lower-case letter, then lower-case letters, digits and `_`. Another name
 * throws a plain Error. Values reach the server after the load and after each run.
 */
export interface BackendMetrics {
  /** Adds to a counter of the model version: `pillion_backend_events_total{model, version, name}`. Default: 1. */
  count(name: string, amount?: number): void;
  /** Sets a gauge, `pillion_backend_value{model, version, name}`: the last value that a session of the version set. */
  set(name: string, value: number): void;
}

export interface RunOptions {
  /** No request needs the answer after this. A backend may stop the run then. */
  readonly deadline: Instant;
  /** The requests of the batch. Only for a session on the event loop: it does not cross to a thread or process. */
  readonly origin?: BatchOrigin | undefined;
  /** W3C Trace Context of the batch's span, for the backend's own spans or log lines. Only if the trace is recorded. */
  readonly traceparent?: string | undefined;
}

/** Session.run for a runtime that computes on the calling thread: it returns the outputs, and throws the errors. */
export type RunSync = (
  signatureName: string,
  inputs: TensorMap,
  outputs: readonly string[],
  options: RunOptions,
) => TensorMap;

/** An opened artifact. Its host makes sure that runs do not overlap, unless `concurrency` allows it. */
export interface Session {
  readonly signatures: ReadonlyMap<string, Signature>;
  /** One text for each part of the artifact that is not served, or otherwise than it says, with the reason. Absent = none. */
  readonly warnings?: readonly string[];
  /**
   * Runs one batch. `inputs` has exactly the signature's inputs, with checked dtypes and shapes. The session may read
   * the tensors until the promise settles. Resolves with the named outputs in that order; the caller may keep them.
   * Rejects with ServingError `backend_failed` (the runtime's error, with its text), `invalid_request` (an error of the
   * input that only the runtime can detect), or `backend_failed` after close().
   */
  run(signatureName: string, inputs: TensorMap, outputs: readonly string[], options: RunOptions): Promise<TensorMap>;
  /**
   * Number of concurrent runs of a session whose runs another server computes: at least 1. Such a session computes
   * nothing here, and gets no synthetic batches, so nobody proves its batch axes: requests share runs only along an
   * axis that has a `reason`. Absent: it computes here, one run at a time.
   */
  readonly concurrency?: number | undefined;
  /**
   * Watches a session with `concurrency`, whose server may find out later whether requests share runs, or change it.
   * `onChange` gets all signatures after each such change, until the session is closed; only the `followed` ones are
   * served as it says. Called at most once. Absent = `signatures` holds for good.
   */
  watchSignatures?(followed: ReadonlySet<string>, onChange: (signatures: ReadonlyMap<string, Signature>) => void): void;
  /**
   * Hosts prefer it to `run`: the session's thread can then sleep between runs without its event loop, and tiny batches
   * can run on the server's. A session that has it needs no timers or I/O between runs.
   */
  readonly runSync?: RunSync | undefined;
  /** Waits for the run in progress, then frees the runtime's memory. Idempotent. */
  close(): Promise<void>;
}

/** A session whose runs are profiled by the runtime. That is slow: such a session never serves requests. */
export interface ProfiledSession extends Session {
  /** Ends the profile and returns all runs since the load, including those of the load. Called once, before close(). */
  endProfile(): Promise<readonly RunOps[]>;
}

/** The verdict whether the graph of an artifact keeps the rows of requests apart. */
export type RowVerdict =
  /** Proved: row i of every served output depends on row i of the inputs alone. */
  | { readonly kind: 'rows'; readonly reason: string }
  /** A node mixes rows; the reason names it and says why. */
  | { readonly kind: 'mixed'; readonly reason: string }
  /** An op without a rule, a loop, a shape that cannot be followed; the reason names it. */
  | { readonly kind: 'undecided'; readonly reason: string };

/** Whether an artifact's graph tells at which lengths of a row its arithmetic may change. */
export type LengthReading =
  /** `lengths` is ascending: at each of them the arithmetic may be another than at the length below. Empty = at none. */
  | { readonly kind: 'read'; readonly lengths: readonly number[] }
  /** A length reaches an op that cannot be followed, such as If or Loop; the reason names the node and says why. */
  | { readonly kind: 'unread'; readonly reason: string };

/** How far the values of requests decide the work of a run, as the graph of an artifact tells. */
export interface WorkBounds {
  /**
   * `shapes`: runs of equal shapes do the same work. `input_size`: the values of a request choose how much of the work is
   * done that its size allows. `values`: the values of a request are sizes or numbers of rounds, so that one small
   * request may take any time and memory; or they may crash the runtime; or nobody can tell.
   */
  readonly kind: 'shapes' | 'input_size' | 'values';
  /** The op that decided, with its domain if it is not ONNX's own; undefined = no op did. */
  readonly op: string | undefined;
  /** A clause that names the node or input, for people. */
  readonly reason: string;
}

/** The facts of a backend that need no runtime. */
export interface BackendFacts {
  /** Its name in a model's config: 'onnx'. */
  readonly kind: string;
  /**
   * The only host that its sessions may run in; absent = any. `process`: its runtime is too large or too likely to
   * crash for the server's process. `inline`: it computes nothing but waits for I/O on the event loop. The server
   * imports the backend's module and calls `probe` in its own process: with `process`, neither may load the runtime.
   */
  readonly mustRunIn?: 'process' | 'inline';
  /** The only host of its sessions on another provider than `cpu`; absent = as `mustRunIn`. */
  readonly devicesMustRunIn?: 'process';
  /**
   * `intraOpThreads` is a number for each session, and may differ between sessions of one process: the server may choose
   * it by measurement. Absent = false: sessions get the configured number, or 1.
   */
  readonly hasSessionThreads?: boolean;
  /** False: it is JavaScript alone, and no artifact can crash the process that it is loaded in. Absent = true. */
  readonly isNative?: boolean;
  /** Memory of a process that has loaded the runtime but no model, in bytes. Absent = almost none. */
  readonly runtimeBytes?: number;
}

export interface Backend extends BackendFacts {
  /**
   * Reads the artifact's graph, without the runtime, and tells whether the rows of a signature keep apart. `axes`: the
   * batch axis of each tensor; default: dim 0 of all. Absent = graphs cannot be read, and runs alone decide.
   */
  judgeRows?(versionDirectory: string, axes?: BatchAxes, signatureName?: string): Promise<RowVerdict>;
  /**
   * Reads the artifact's graph, without the runtime, and tells where its arithmetic may change with the length of a
   * signature's rows: the size of the inputs' free dims beside dim 0. Absent = graphs cannot be read.
   */
  readLengths?(versionDirectory: string, signatureName?: string): Promise<LengthReading>;
  /** Does the directory hold an artifact of this backend? Must be cheap: reads names and opens no large file. */
  probe(versionDirectory: string): Promise<boolean>;
  /** Opens the artifact. Rejects with ServingError `load_failed` and a text that names the file and the fix. */
  load(versionDirectory: string, options: LoadOptions): Promise<Session>;
  /** Like `load`, with the runtime's profiler on, in a separate thread or process. Absent = no profiler. */
  readonly loadProfiled?: (versionDirectory: string, options: LoadOptions) => Promise<ProfiledSession>;
}

/** A backend that needs no plug-in, as it is known before its module is imported. */
export interface InstalledBackend {
  readonly kind: string;
  /** The URL of the module whose export `backend` it is. */
  readonly module: string;
  /** Its files name another server, which runs the model: they are looked for before any artifact. */
  readonly isElsewhere?: boolean;
  /** Its kind is a family of these kinds, and opens the first of their artifacts that is there. */
  readonly family?: readonly string[];
  /** The artifacts that it recognises, for people. Absent = it is opened only by name. */
  readonly looksFor?: string;
  /** The backend's own, where its module imports a runtime. Then `probe` is here, too. */
  readonly facts?: BackendFacts;
  /** The backend's own, where its module imports much. */
  readonly probe?: Backend['probe'];
  /** The backend's own, where its module imports a runtime. */
  readonly judgeRows?: NonNullable<Backend['judgeRows']>;
  /** The backend's own, where its module imports a runtime. */
  readonly readLengths?: NonNullable<Backend['readLengths']>;
  /** The bounds of the work of the artifact's runs. Absent = nobody can tell before they are measured. */
  readonly workBounds?: (versionDirectory: string) => Promise<WorkBounds>;
}
