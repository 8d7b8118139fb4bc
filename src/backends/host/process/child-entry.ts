/**
 * The main module of a child process that hosts one session: it loads the session and runs one batch at a time.
 *
 * A session with runSync is served outside the event loop (sync-frames.ts), any other inside it (stream-frames.ts). As
 * in a worker thread, no request can end the process. It ends on a CLOSE frame, when its runtime crashes, or when the
 * server is gone.
 */
import { Socket } from 'node:net';
import process from 'node:process';
import { setImmediate } from 'node:timers';
import type { Session } from '../../backend.ts';
import { importBackend } from '../../import-backend.ts';
import { loadOptionsOf } from '../../load-options.ts';
import { loadSession } from '../../load-session.ts';
import { BackendNotes } from '../backend-notes.ts';
import { startCpuTimer } from '../core-time.ts';
import { toErrorMessage } from '../error-message.ts';
import type { WorkerLoad, WorkerReady } from '../host-worker.ts';
import { takeRunPriority } from '../thread-priority.ts';
import { runCall, runCallSync } from '../worker-call.ts';
import { endSelf, prepareChild } from './child-life.ts';
import { FRAME, FRAME_FD, type Frame, readValue, valueFrame } from './frame.ts';
import { StreamFrames } from './stream-frames.ts';
import { SyncFrames } from './sync-frames.ts';
import { answerFrame, type Pieces, readCall } from './tensor-frames.ts';

/** Unhandled rejections and finalizers need a turn of the event loop, as in a worker thread (thread-entry.ts). */
const RUNS_PER_TURN = 256;

const timer = prepareChild();
const frames = new SyncFrames(FRAME_FD);
/** Writes outside the event loop, until a session needs the loop. */
let write = (pieces: Pieces): void => frames.write(pieces);
const notes = new BackendNotes((collected) => write([valueFrame(FRAME.notes, id, collected)]));
const first = next();
const id = first.session;
const order = readValue(first) as WorkerLoad;
// This follows the start of the second thread, whose heartbeats must not wait for the first.
takeRunPriority(order.priority ?? {});
const session = await load(order);
if (session?.runSync !== undefined) await serveSync(session);
else if (session !== undefined) serveInLoop(session);

async function load({ versionDirectory, backendModule, loadOptions }: WorkerLoad): Promise<Session | undefined> {
  try {
    const backend = await importBackend(backendModule);
    const cpuMs = startCpuTimer();
    const loaded = await loadSession(backend, versionDirectory, loadOptionsOf(loadOptions, notes.services));
    const { signatures, runSync, warnings = [] } = loaded;
    const ready: WorkerReady = {
      signatures,
      isSynchronous: runSync !== undefined,
      loadMs: cpuMs(),
      warnings,
    };
    frames.write([valueFrame(FRAME.ready, id, ready)]);
    notes.flush();
    return loaded;
  } catch (error) {
    frames.write([valueFrame(FRAME.loadFailed, id, toErrorMessage(error))]);
    process.exit(1);
  }
}

/** Blocks in read(2) until there is a frame. */
async function serveSync(session: Session): Promise<void> {
  for (let count = 1; ; count++) {
    const frame = next();
    if (frame.kind === FRAME.close) return frames.write(await close(session));
    frames.write(runSync(session, frame));
    if (count % RUNS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

function serveInLoop(session: Session): void {
  const socket = new Socket({ fd: FRAME_FD, readable: true, writable: true });
  const stream = new StreamFrames(socket, {
    onFrame: async (frame) =>
      stream.write(frame.kind === FRAME.close ? await close(session) : await run(session, frame)),
    onBroken: (error) => {
      throw error;
    },
  });
  write = (pieces) => stream.write(pieces);
  socket.on('close', endSelf);
}

function runSync(session: Session, frame: Frame): Pieces {
  timer.begin();
  try {
    return answerFrame(runCallSync(session, readCall(frame)), id);
  } catch (error) {
    return failedFrame(error);
  } finally {
    timer.end();
    notes.flush();
  }
}

async function run(session: Session, frame: Frame): Promise<Pieces> {
  timer.begin();
  try {
    return answerFrame(await runCall(session, readCall(frame)), id);
  } catch (error) {
    return failedFrame(error);
  } finally {
    timer.end();
    notes.flush();
  }
}

function failedFrame(error: unknown): Pieces {
  return [valueFrame(FRAME.failed, id, toErrorMessage(error))];
}

/** Closes the session and returns the last frame. The process ends when the server has read it and closes its ends. */
async function close(session: Session): Promise<Pieces> {
  // A session that fails to close ends with its process.
  await session.close().catch((error: Error) => process.emitWarning(error));
  notes.flush();
  return [valueFrame(FRAME.closed, id)];
}

/** Reads the next frame. Blocks until there is one. */
function next(): Frame {
  return frames.read() ?? endSelf();
}
