/**
 * The messages between the main thread and a worker thread that hosts a session.
 *
 *     main                                     worker
 *       ── start: WorkerStart (workerData) ──▶  loads
 *       ◀── ready | load_failed ─────────────
 *       ── run ──────────────────────────────▶  runs (one at a time)
 *       ◀── done | failed ───────────────────   done: with the inputs' buffers, to be used again
 *       ── close ────────────────────────────▶  frees the session
 *       ◀── closed ──────────────────────────   and ends
 *
 * A worker with a mailbox (mailbox.ts) finds most calls there, and must be rung for a message too:
 *
 *       ── call in the mailbox ──────────────▶  runs
 *       ◀── ANSWERED | done | failed ────────   ANSWERED: the outputs are in the mailbox
 *
 * Instants cross as *thread time*: milliseconds of process.hrtime, which is one clock for all threads of a process,
 * where performance.now() counts from an origin of each thread's own (measured 0.25 ms apart on Node 20).
 */
import process from 'node:process';
import { type ErrorKind, ServingError, toServingError } from '../../core/errors.ts';
import type { Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { LoadOptions } from '../backend.ts';
import type { MailboxMemory } from './mailbox.ts';
import type { PackedTensor } from './tensor-transfer.ts';

/** What a worker is started with. */
export interface WorkerStart {
  readonly versionDirectory: string;
  /** Undefined = by the artifact. */
  readonly backendKind: string | undefined;
  readonly loadOptions: LoadOptions;
  /** Undefined: everything goes by message. */
  readonly mailbox: MailboxMemory | undefined;
}

export interface ReadyMessage {
  readonly type: 'ready';
  readonly signatures: ReadonlyMap<string, Signature>;
  /** The session has runSync. Where there is a mailbox, it is used from here on. */
  readonly isSynchronous: boolean;
  /** Milliseconds that the backend took to load the model; importing the runtime is not counted. */
  readonly loadMs: number;
}

/** One run, however it crosses. */
export interface Call {
  readonly signatureName: string;
  readonly inputs: TensorMap;
  /** Names of the wanted outputs, in order. */
  readonly outputs: readonly string[];
  /** Thread time; may be Infinity. */
  readonly deadline: number;
}

export interface Answer {
  readonly outputs: TensorMap;
  /** Thread time just before and after the session's run. */
  readonly runStart: number;
  readonly runEnd: number;
}

export interface RunMessage {
  readonly type: 'run';
  readonly signatureName: string;
  readonly inputs: readonly PackedTensor[];
  readonly outputs: readonly string[];
  /** Thread time; may be Infinity. */
  readonly deadline: number;
}

export type MessageToWorker = RunMessage | { readonly type: 'close' };

export interface DoneMessage {
  readonly type: 'done';
  readonly outputs: readonly PackedTensor[];
  /** The buffers of the run's inputs. */
  readonly inputBuffers: readonly ArrayBuffer[];
  /** Thread time just before and after session.run. */
  readonly runStart: number;
  readonly runEnd: number;
}

export interface FailedMessage {
  readonly type: 'failed';
  readonly error: ErrorMessage;
}

/** A number: the smallest message there is. */
export const ANSWERED = 0;

export type MessageFromWorker =
  | typeof ANSWERED
  | ReadyMessage
  | { readonly type: 'load_failed'; readonly error: ErrorMessage }
  | DoneMessage
  | FailedMessage
  | { readonly type: 'closed' };

/** A ServingError as it crosses: a structured clone would keep only its message. */
export interface ErrorMessage {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
  /** The cause with its stack, as text for the log. */
  readonly cause: string | undefined;
}

/** Now, in thread time. */
export function threadTimeMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Anything thrown, ready to be sent. */
export function toErrorMessage(thrown: unknown): ErrorMessage {
  const { kind, message, retryAfterMs, cause } = toServingError(thrown);
  return { kind, message, retryAfterMs, cause: cause === undefined ? undefined : causeText(cause) };
}

/** The error as it was thrown on the other side. */
export function fromErrorMessage({ kind, message, retryAfterMs, cause }: ErrorMessage): ServingError {
  return new ServingError(kind, message, { cause, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

function causeText(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}
