/**
 * The main module of a child process that several models share. Each session has a worker thread (thread-worker.ts);
 * the frames are passed on to it and back. So no model waits for another's run or load, and a session that ends its
 * thread ends no other. A native crash ends them all.
 */
import { Socket } from 'node:net';
import type { ServingError } from '../../../core/errors.ts';
import { BufferPool } from '../buffer-pool.ts';
import { toErrorMessage } from '../error-message.ts';
import type { WorkerLoad } from '../host-worker.ts';
import { DEFAULT_SLAB_BYTES, newMailboxMemory } from '../thread/mailbox.ts';
import { ThreadWorker } from '../thread/thread-worker.ts';
import { endSelf, prepareChild } from './child-life.ts';
import { FRAME, FRAME_FD, type Frame, type FrameKind, readValue, valueFrame } from './frame.ts';
import { StreamFrames } from './stream-frames.ts';
import { answerFrame, readCall } from './tensor-frames.ts';

prepareChild();
const sessions = new Map<number, ThreadWorker>();
const socket = new Socket({ fd: FRAME_FD, readable: true, writable: true });
const stream = new StreamFrames(socket, {
  onFrame: (frame) => void take(frame),
  onBroken: (error) => {
    throw error;
  },
});
socket.on('close', endSelf);

/** Never rejects. */
async function take(frame: Frame): Promise<void> {
  const { kind, session } = frame;
  if (kind === FRAME.start) return load(session, readValue(frame) as WorkerLoad);
  const worker = sessions.get(session);
  // Its thread has ended, and LOST is on its way to the server.
  if (worker === undefined) return;
  if (kind === FRAME.run) return run(session, worker, frame);
  sessions.delete(session);
  await worker.close();
  send(FRAME.closed, session);
}

async function load(session: number, start: WorkerLoad): Promise<void> {
  const mailbox = newMailboxMemory(DEFAULT_SLAB_BYTES);
  const worker = new ThreadWorker({ ...start, mailbox }, `session ${session}`, `session ${session}`, new BufferPool());
  sessions.set(session, worker);
  worker.onNotes = (notes) => send(FRAME.notes, session, notes);
  try {
    const { signatures, isSynchronous, loadMs, warnings } = await worker.ready;
    send(FRAME.ready, session, { signatures, isSynchronous, loadMs, warnings });
  } catch (error) {
    sessions.delete(session);
    const isThreadLost = (error as ServingError).attributes?.['workerEnded'] === true;
    if (isThreadLost) send(FRAME.lost, session, worker.goneBecause);
    else send(FRAME.loadFailed, session, toErrorMessage(error));
    return;
  }
  worker.onExit = (reason) => lose(session, reason);
  if (worker.goneBecause !== undefined) lose(session, worker.goneBecause);
}

/** Sends LOST, but not for a session that is being closed or was reported as lost before. */
function lose(session: number, reason: string): void {
  if (sessions.delete(session)) send(FRAME.lost, session, reason);
}

async function run(session: number, worker: ThreadWorker, frame: Frame): Promise<void> {
  try {
    stream.write(answerFrame(await worker.run(readCall(frame)), session));
  } catch (error) {
    if (sessions.has(session)) send(FRAME.failed, session, toErrorMessage(error));
  }
}

function send(kind: FrameKind, session: number, value?: unknown): void {
  stream.write([valueFrame(kind, session, value)]);
}
