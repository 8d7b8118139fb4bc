/**
 * The main module of a child process that hosts one session: loads it, runs what it is sent, one batch at a time.
 *
 * A session with runSync is served outside the event loop (sync-frames.ts), any other inside it (stream-frames.ts). As in
 * a worker thread nothing that a request does ends the process. It ends when it is told to, when its runtime crashes, or
 * when the server is gone.
 */
import { Socket } from 'node:net';
import process from 'node:process';
import { setImmediate } from 'node:timers';
import { systemClock } from '../../../core/clock.ts';
import type { Session } from '../../backend.ts';
import { backendFor } from '../../registry.ts';
import { toErrorMessage } from '../error-message.ts';
import type { WorkerLoad, WorkerReady } from '../host-worker.ts';
import { runCall, runCallSync } from '../run-call.ts';
import { yieldToEventLoop, yieldToEveryone } from '../thread-priority.ts';
import { endSelf, prepareChild } from './child-life.ts';
import { FRAME, FRAME_FD, type Frame, readValue, valueFrame } from './frame.ts';
import { StreamFrames } from './stream-frames.ts';
import { SyncFrames } from './sync-frames.ts';
import { answerFrame, type Pieces, readCall } from './tensor-frames.ts';

/** As in a worker thread (thread-entry.ts): forgotten promises and finalizers need a turn of the loop now and then. */
const RUNS_PER_TURN = 256;

const runs = prepareChild();
// Not the second thread, whose pulses must not wait for the first.
yieldToEventLoop();
const frames = new SyncFrames(FRAME_FD);
const first = next();
const id = first.session;
const order = readValue(first) as WorkerLoad;
if (order.isBackground === true) yieldToEveryone();
const session = await load(order);
if (session?.runSync !== undefined) await serveSync(session);
else if (session !== undefined) serveInLoop(session);

async function load({ versionDirectory, backendKind, loadOptions }: WorkerLoad): Promise<Session | undefined> {
  try {
    const backend = await backendFor(versionDirectory, backendKind);
    const before = systemClock.nowMs();
    const loaded = await backend.load(versionDirectory, loadOptions);
    const { signatures, runSync, warnings = [] } = loaded;
    const ready: WorkerReady = {
      signatures,
      isSynchronous: runSync !== undefined,
      loadMs: systemClock.nowMs() - before,
      warnings,
    };
    frames.write([valueFrame(FRAME.ready, id, ready)]);
    return loaded;
  } catch (error) {
    frames.write([valueFrame(FRAME.loadFailed, id, toErrorMessage(error))]);
    process.exit(1);
  }
}

/** Sleeps in read(2) until there is a frame. */
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
  socket.on('close', endSelf);
}

function runSync(session: Session, frame: Frame): Pieces {
  runs.begin();
  try {
    return answerFrame(runCallSync(session, readCall(frame)), id);
  } catch (error) {
    return failedFrame(error);
  } finally {
    runs.end();
  }
}

async function run(session: Session, frame: Frame): Promise<Pieces> {
  runs.begin();
  try {
    return answerFrame(await runCall(session, readCall(frame)), id);
  } catch (error) {
    return failedFrame(error);
  } finally {
    runs.end();
  }
}

function failedFrame(error: unknown): Pieces {
  return [valueFrame(FRAME.failed, id, toErrorMessage(error))];
}

/** What to write last. The process ends when the server, which has read it, closes its ends of the pairs. */
async function close(session: Session): Promise<Pieces> {
  // A session that cannot close is ended with its process.
  await session.close().catch((error: Error) => process.emitWarning(error));
  return [valueFrame(FRAME.closed, id)];
}

/** Blocks. */
function next(): Frame {
  return frames.read() ?? endSelf();
}
