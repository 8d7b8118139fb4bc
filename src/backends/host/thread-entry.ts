/**
 * The worker thread's side of the thread host: loads one session, runs what it is sent, one batch at a time.
 *
 * Nothing that a request does ends the thread: every throw goes back as a message, and a promise that a backend forgot
 * is reported and survived. An exception outside a request (a timer of a plug-in) does end it; the host replaces it.
 */
import process from 'node:process';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../core/clock.ts';
import type { Session } from '../backend.ts';
import { backendFor } from '../registry.ts';
import { buffersOf, packTensors, type TransferMemory, unpackTensors } from './tensor-transfer.ts';
import {
  type DoneMessage,
  type MessageFromWorker,
  type MessageToWorker,
  type RunMessage,
  threadTimeMs,
  toErrorMessage,
  type WorkerStart,
} from './thread-protocol.ts';

if (parentPort === null) throw new Error('thread-entry is started by thread-host, in a worker thread');
process.on('unhandledRejection', (reason) => {
  process.emitWarning(reason instanceof Error ? reason : String(reason), 'UnhandledRejectionInBackend');
});
await serve(parentPort, workerData as WorkerStart);

async function serve(port: MessagePort, start: WorkerStart): Promise<void> {
  let session: Session;
  try {
    const backend = await backendFor(start.versionDirectory, start.backendKind);
    session = await backend.load(start.versionDirectory, start.loadOptions);
  } catch (error) {
    send(port, { type: 'load_failed', error: toErrorMessage(error) });
    return;
  }
  port.on('message', (message: MessageToWorker) => {
    if (message.type === 'run') void runBatch(port, session, message);
    else void closeSession(port, session);
  });
  send(port, { type: 'ready', signatures: session.signatures });
}

async function runBatch(port: MessagePort, session: Session, message: RunMessage): Promise<void> {
  const inputBuffers = buffersOf(message.inputs);
  try {
    const runStart = threadTimeMs();
    const deadline = message.deadline - runStart + systemClock.nowMs();
    const results = await session.run(message.signatureName, unpackTensors(message.inputs), message.outputs, {
      deadline,
    });
    const runEnd = threadTimeMs();
    const outputs = packTensors(results, new OutputMemory(inputBuffers));
    const done: DoneMessage = { type: 'done', outputs, inputBuffers, runStart, runEnd };
    send(port, done, [...inputBuffers, ...buffersOf(outputs)]);
  } catch (error) {
    // Without the inputs' memory: this must not fail, and failures are rare.
    send(port, { type: 'failed', error: toErrorMessage(error) });
  }
}

async function closeSession(port: MessagePort, session: Session): Promise<void> {
  // A session that cannot close is ended with its thread.
  await session.close().catch((error: Error) => process.emitWarning(error));
  send(port, { type: 'closed' });
  port.close();
}

function send(port: MessagePort, message: MessageFromWorker, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

/**
 * Outputs leave by transfer where a tensor fills its buffer, as ONNX Runtime's do. Those that share one (with an input,
 * another output, or Node's pool behind small Buffers) are copied.
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
