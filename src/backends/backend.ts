/**
 * What a runtime must be to serve models here. Start at docs/add-a-backend.md; test/contract/backend-contract.ts is the
 * suite that every backend must pass, in every host.
 *
 * A Backend is looked up by `kind` (registry.ts) or by the artifact that it recognises. Its sessions run inside a *host*:
 * most often a worker thread or a process, so everything that crosses this interface must survive a structured clone,
 * except functions.
 */
import type { Instant } from '../core/clock.ts';
import type { BatchOrigin } from '../core/executor.ts';
import type { Signature } from '../core/signature.ts';
import type { TensorMap } from '../core/tensor.ts';
import type { RunOps } from './op-profile.ts';

export interface LoadOptions {
  /** Threads that one run may use inside the runtime. Default 1: batches run beside each other instead. */
  readonly intraOpThreads: number;
  /** Where the runtime computes: 'cpu', 'cuda'. A provider that is not there is refused with `load_failed`. */
  readonly executionProvider: string;
}

export interface RunOptions {
  /** After this nobody wants the answer. A backend that can stop early may. */
  readonly deadline: Instant;
  /** For whom it runs. Only where the session runs on the event loop: it does not cross to a thread or process. */
  readonly origin?: BatchOrigin | undefined;
  /** W3C Trace Context of the batch's span, for spans or lines of the backend's own. Only where the trace is recorded. */
  readonly traceparent?: string | undefined;
}

/**
 * The same as Session.run, done when it returns: throws where that rejects. For a runtime that computes on the calling
 * thread.
 */
export type RunSync = (
  signatureName: string,
  inputs: TensorMap,
  outputs: readonly string[],
  options: RunOptions,
) => TensorMap;

/** One opened artifact, ready to run. Not safe for two runs at once unless `concurrency` says so: a host sees to it. */
export interface Session {
  readonly signatures: ReadonlyMap<string, Signature>;
  /** What of the artifact is not served, and why: one text each, for the log. Absent = nothing. */
  readonly warnings?: readonly string[];
  /**
   * Runs one batch. `inputs` has exactly the signature's inputs, dtypes and shapes checked; the tensors are the
   * session's to read until the promise settles, and not after. Resolves with the named outputs in that order; the
   * caller may keep them. Rejects with ServingError `backend_failed` (the runtime threw; its text is kept) or
   * `invalid_request` (the input is at fault in a way only the runtime can see), or `backend_failed` after close().
   */
  run(signatureName: string, inputs: TensorMap, outputs: readonly string[], options: RunOptions): Promise<TensorMap>;
  /**
   * Runs that it takes at once, where another server computes them: at least 1. Such a session computes nothing here,
   * and is not tried out with made-up batches. Absent: it computes here, one run at a time.
   */
  readonly concurrency?: number | undefined;
  /**
   * Where it is there, hosts prefer it: between two runs the session's thread may then sleep without its event loop, and
   * tiny batches may run on the server's own. Such a session needs no timers or I/O of its own between runs.
   */
  readonly runSync?: RunSync | undefined;
  /** Waits for the run in progress, then frees the runtime's memory. Twice is once. */
  close(): Promise<void>;
}

/** A session whose every run is profiled by its runtime. Slower than others: for a look, never to serve from. */
export interface ProfiledSession extends Session {
  /** Ends the profile: all runs since the load, those that loading itself made among them. Once, before close(). */
  endProfile(): Promise<readonly RunOps[]>;
}

export interface Backend {
  /** Name by which a model's config asks for it: 'onnx'. */
  readonly kind: string;
  /**
   * The only host that its sessions may run in; absent = any. `process`: its runtime is too large, or too apt to crash, for
   * the server's own process. `inline`: it computes nothing itself but waits for I/O on the event loop. The server reads
   * this, and calls `probe`, in its own process: neither that nor importing the backend's module may load its runtime
   * where this is `process`.
   */
  readonly mustRunIn?: 'process' | 'inline';
  /** What its runtime takes of a process's memory before it has opened anything, in bytes. Absent = next to nothing. */
  readonly runtimeBytes?: number;
  /** Does this version directory hold an artifact of ours? Cheap: looks at names, opens nothing big. */
  probe(versionDirectory: string): Promise<boolean>;
  /** Opens the artifact. Rejects with ServingError `load_failed` and a text that names the file and the fix. */
  load(versionDirectory: string, options: LoadOptions): Promise<Session>;
  /** The same with the runtime's profiler on, in a thread or process of its own. Absent = it has none. */
  readonly loadProfiled?: (versionDirectory: string, options: LoadOptions) => Promise<ProfiledSession>;
}
