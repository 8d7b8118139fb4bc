/**
 * The worker thread's side of the thread host: loads one session, runs what it is sent, one batch at a time.
 *
 * Nothing that a request does ends the thread: every throw goes back as a message, and a promise that a backend forgot
 * is reported and survived. An exception outside a request (a timer of a plug-in) does end it; the host replaces it.
 */
import process from 'node:process';
import { setImmediate } from 'node:timers';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../../core/clock.ts';
import type { Session } from '../../backend.ts';
import { backendFor } from '../../registry.ts';
import { toErrorMessage } from '../error-message.ts';
import { yieldToEventLoop, yieldToEveryone } from '../thread-priority.ts';
import { MailboxReceiver } from './mailbox-receiver.ts';
import type { MessageToWorker, WorkerStart } from './thread-protocol.ts';
import { runMailbox, runMessage, send } from './thread-runs.ts';

/**
 * A thread that sleeps on its mailbox reports a forgotten promise, and lets a runtime's finalizers run, only when its
 * event loop turns: so it does, now and then (a turn costs some 5 µs).
 */
const CALLS_PER_TURN = 256;

if (parentPort === null) throw new Error('thread-entry is started by thread-host, in a worker thread');
process.on('unhandledRejection', (reason) => {
  process.emitWarning(reason instanceof Error ? reason : String(reason), 'UnhandledRejectionInBackend');
});
const start = workerData as WorkerStart;
if (start.isBackground === true) yieldToEveryone();
else yieldToEventLoop();
await serve(parentPort, start);

async function serve(port: MessagePort, start: WorkerStart): Promise<void> {
  let session: Session;
  let loadMs: number;
  try {
    const backend = await backendFor(start.versionDirectory, start.backendKind);
    const before = systemClock.nowMs();
    session = await backend.load(start.versionDirectory, start.loadOptions);
    loadMs = systemClock.nowMs() - before;
  } catch (error) {
    send(port, { type: 'load_failed', error: toErrorMessage(error) });
    return;
  }
  const { signatures, runSync, warnings = [] } = session;
  send(port, { type: 'ready', signatures, isSynchronous: runSync !== undefined, loadMs, warnings });
  if (runSync !== undefined && start.mailbox !== undefined) {
    return serveMailbox(port, session, new MailboxReceiver(start.mailbox, signatures));
  }
  port.on('message', (message: MessageToWorker) => {
    if (message.type === 'run') void runMessage(port, session, message);
    else void closeSession(port, session);
  });
}

/** Sleeps outside the event loop until rung, for a call or for a message; ends after `close`. */
async function serveMailbox(port: MessagePort, session: Session, mailbox: MailboxReceiver): Promise<void> {
  // Without a listener the port would not keep a thread that awaits something alive.
  port.ref();
  for (let calls = 1; ; calls++) {
    mailbox.wait();
    const call = mailbox.read();
    if (call !== undefined) runMailbox(port, session, mailbox, call);
    else {
      const { message } = receiveMessageOnPort(port) as { message: MessageToWorker };
      if (message.type === 'close') return closeSession(port, session);
      await runMessage(port, session, message);
    }
    if (calls % CALLS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function closeSession(port: MessagePort, session: Session): Promise<void> {
  // A session that cannot close is ended with its thread.
  await session.close().catch((error: Error) => process.emitWarning(error));
  send(port, { type: 'closed' });
  port.close();
}
