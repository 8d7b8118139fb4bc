/**
 * The worker thread's side of the thread host, which thread-entry.ts starts: it loads one session and runs one batch at a
 * time.
 *
 * No request can end the thread: every error goes back as a message, and unhandled rejections of a backend are reported
 * and survived. An exception outside a request (a plug-in's timer) does end it; the host replaces it.
 */
import process from 'node:process';
import { setImmediate } from 'node:timers';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { Session } from '../../backend.ts';
import { importBackend } from '../../import-backend.ts';
import { loadOptionsOf } from '../../load-options.ts';
import { loadSession } from '../../load-session.ts';
import { BackendNotes } from '../backend-notes.ts';
import { startCpuTimer } from '../core-time.ts';
import { toErrorMessage } from '../error-message.ts';
import { buffersOf, packTensors, type TransferMemory, unpackTensors } from '../tensor-transfer.ts';
import { takeRunPriority } from '../thread-priority.ts';
import { type Answer, type Call, runCall, runCallSync } from '../worker-call.ts';
import { MailboxReceiver } from './mailbox-receiver.ts';
import {
  ANSWERED,
  type MessageFromWorker,
  type MessageToWorker,
  type RunMessage,
  type WorkerStart,
} from './thread-protocol.ts';

/**
 * A thread that sleeps on its mailbox reports an unhandled rejection, and runs a runtime's finalizers, only in a turn
 * of its event loop: so it takes one after this many calls.
 */
const CALLS_PER_TURN = 256;

/**
 * Transfers an output that fills its buffer, as ONNX Runtime's do. An output that shares its buffer (with an input,
 * another output, or Node's pool of small Buffers) is copied.
 */
class OutputMemory implements TransferMemory {
  readonly #taken: ArrayBufferLike[];

  constructor(inputBuffers: readonly ArrayBuffer[]) {
    this.#taken = [...inputBuffers];
  }

  claim({ buffer, byteLength }: Uint8Array): ArrayBuffer | undefined {
    if (!(buffer instanceof ArrayBuffer) || byteLength !== buffer.byteLength || this.#taken.includes(buffer)) {
      return undefined;
    }
    this.#taken.push(buffer);
    return buffer;
  }

  allocate(byteLength: number): ArrayBuffer {
    return new ArrayBuffer(byteLength);
  }
}

/** A session, and what its backend tells. */
interface Hosted {
  readonly session: Session;
  readonly notes: BackendNotes;
}

/** Loads what the thread's start data says, and serves it. Settles when the thread has nothing left to do but end. */
export async function serveThread(): Promise<void> {
  if (parentPort === null) throw new Error('serve-thread is started by thread-worker, in a worker thread');
  process.on('unhandledRejection', (reason) => {
    process.emitWarning(reason instanceof Error ? reason : String(reason), 'UnhandledRejectionInBackend');
  });
  const start = workerData as WorkerStart;
  takeRunPriority(start.priority ?? {});
  await serve(parentPort, start);
}

async function serve(port: MessagePort, start: WorkerStart): Promise<void> {
  const notes = new BackendNotes((collected) => send(port, { type: 'notes', notes: collected }));
  let session: Session;
  let loadMs: number;
  try {
    const backend = await importBackend(start.backendModule);
    const cpuMs = startCpuTimer();
    session = await withAbort(port, (signal) =>
      loadSession(backend, start.versionDirectory, loadOptionsOf(start.loadOptions, { ...notes.services, signal })),
    );
    loadMs = cpuMs();
  } catch (error) {
    send(port, { type: 'load_failed', error: toErrorMessage(error) });
    return;
  }
  const { signatures, runSync, warnings = [] } = session;
  send(port, { type: 'ready', signatures, isSynchronous: runSync !== undefined, loadMs, warnings });
  notes.flush();
  if (runSync !== undefined && start.mailbox !== undefined) {
    return serveMailbox(port, { session, notes }, new MailboxReceiver(start.mailbox, signatures));
  }
  port.on('message', (message: MessageToWorker) => {
    if (message.type === 'run') void runMessage(port, { session, notes }, message);
    else if (message.type === 'close') void closeSession(port, { session, notes });
  });
}

/** Runs a load with a signal that the message `abort` aborts. */
async function withAbort(port: MessagePort, load: (signal: AbortSignal) => Promise<Session>): Promise<Session> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  port.on('message', abort);
  // A load that waits for nothing would never end: the thread must, and is reported.
  port.unref();
  try {
    return await load(controller.signal);
  } finally {
    port.off('message', abort);
  }
}

/** Sleeps outside the event loop until the mailbox rings, for a call or a message. Returns after `close`. */
async function serveMailbox(port: MessagePort, hosted: Hosted, mailbox: MailboxReceiver): Promise<void> {
  // A port without a listener does not keep an awaiting thread alive.
  port.ref();
  for (let calls = 1; ; calls++) {
    mailbox.wait();
    const call = mailbox.read();
    if (call !== undefined) runMailbox(port, hosted, mailbox, call);
    else {
      const message = nextMessage(port);
      if (message.type === 'close') return closeSession(port, hosted);
      await runMessage(port, hosted, message);
    }
    if (calls % CALLS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The message that the mailbox rang for. An abort before it came when the load had ended, and means nothing. */
function nextMessage(port: MessagePort): Exclude<MessageToWorker, { type: 'abort' }> {
  for (;;) {
    const { message } = receiveMessageOnPort(port) as { message: MessageToWorker };
    if (message.type !== 'abort') return message;
  }
}

/** Runs a call that came by message; the answer leaves the same way. */
async function runMessage(port: MessagePort, { session, notes }: Hosted, message: RunMessage): Promise<void> {
  const inputBuffers = buffersOf(message.inputs);
  try {
    const call: Call = { ...message, inputs: unpackTensors(message.inputs) };
    sendDone(port, await runCall(session, call), inputBuffers);
  } catch (error) {
    sendFailed(port, error);
  } finally {
    notes.flush();
  }
}

/** Runs the call in the mailbox (the session has runSync); the answer goes there too if it fits. */
function runMailbox(port: MessagePort, { session, notes }: Hosted, mailbox: MailboxReceiver, call: Call): void {
  try {
    const answer = runCallSync(session, call);
    if (mailbox.write(answer, call)) port.postMessage(ANSWERED);
    else sendDone(port, answer, []);
  } catch (error) {
    sendFailed(port, error);
  } finally {
    notes.flush();
  }
}

async function closeSession(port: MessagePort, { session, notes }: Hosted): Promise<void> {
  // A session that fails to close ends with its thread.
  await session.close().catch((error: Error) => process.emitWarning(error));
  notes.flush();
  send(port, { type: 'closed' });
  port.close();
}

function sendDone(
  port: MessagePort,
  { outputs, runStart, runEnd }: Answer,
  inputBuffers: readonly ArrayBuffer[],
): void {
  const packed = packTensors(outputs, new OutputMemory(inputBuffers));
  const transfer = [...inputBuffers, ...buffersOf(packed)];
  send(port, { type: 'done', outputs: packed, inputBuffers, runStart, runEnd }, transfer);
}

/** Leaves the inputs' memory out: this must not fail, and failures are rare. */
function sendFailed(port: MessagePort, error: unknown): void {
  send(port, { type: 'failed', error: toErrorMessage(error) });
}

function send(port: MessagePort, message: MessageFromWorker, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}
