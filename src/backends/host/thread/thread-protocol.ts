/**
 * The messages between the main thread and a worker thread that hosts a session.
 *
 *     main                                     worker
 *       ── start: WorkerStart (workerData) ──▶  loads
 *       ◀── ready | load_failed ─────────────
 *       ── run ──────────────────────────────▶  runs (one at a time)
 *       ◀── done | failed ───────────────────   done: with the inputs' buffers, for reuse
 *       ── close ────────────────────────────▶  frees the session
 *       ◀── closed ──────────────────────────   and ends
 *
 *       ── abort ────────────────────────────▶  while it loads: nobody needs the session
 *       ◀── notes ───────────────────────────   at any time: what the backend tells
 *
 * A worker with a mailbox (mailbox.ts) reads most calls there, and must be rung for a message too:
 *
 *       ── call in the mailbox ──────────────▶  runs
 *       ◀── ANSWERED | done | failed ────────   ANSWERED: the outputs are in the mailbox
 */
import type { BackendNote } from '../backend-notes.ts';
import type { ErrorMessage } from '../error-message.ts';
import type { WorkerLoad, WorkerReady } from '../host-worker.ts';
import type { PackedTensor } from '../tensor-transfer.ts';
import type { Answer, Call } from '../worker-call.ts';
import type { MailboxMemory } from './mailbox.ts';

/** The worker's start data. */
export interface WorkerStart extends WorkerLoad {
  /** Undefined: everything goes by message. */
  readonly mailbox: MailboxMemory | undefined;
}

/** A mailbox is used from this message on, if there is one and the session is synchronous. */
export interface ReadyMessage extends WorkerReady {
  readonly type: 'ready';
}

export interface RunMessage extends Omit<Call, 'inputs'> {
  readonly type: 'run';
  readonly inputs: readonly PackedTensor[];
}

export type MessageToWorker = RunMessage | { readonly type: 'close' } | { readonly type: 'abort' };

interface DoneMessage extends Omit<Answer, 'outputs'> {
  readonly type: 'done';
  readonly outputs: readonly PackedTensor[];
  /** The buffers of the run's inputs. */
  readonly inputBuffers: readonly ArrayBuffer[];
}

/** A number: the smallest message there is. */
export const ANSWERED = 0;

export type MessageFromWorker =
  | typeof ANSWERED
  | ReadyMessage
  | { readonly type: 'load_failed' | 'failed'; readonly error: ErrorMessage }
  | DoneMessage
  | { readonly type: 'notes'; readonly notes: readonly BackendNote[] }
  | { readonly type: 'closed' };
