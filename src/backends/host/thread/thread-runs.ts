/**
 * One run in the worker thread, of a call that came by message or lies in the mailbox, and the sending of its answer.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Session } from '../../backend.ts';
import { toErrorMessage } from '../error-message.ts';
import { runCall, runCallSync } from '../run-call.ts';
import { buffersOf, packTensors, type TransferMemory, unpackTensors } from '../tensor-transfer.ts';
import type { Answer, Call } from '../worker-call.ts';
import type { MailboxReceiver } from './mailbox-receiver.ts';
import { ANSWERED, type MessageFromWorker, type RunMessage } from './thread-protocol.ts';

/** Runs a call that came by message; the answer goes the same way. */
export async function runMessage(port: MessagePort, session: Session, message: RunMessage): Promise<void> {
  const inputBuffers = buffersOf(message.inputs);
  try {
    const call: Call = { ...message, inputs: unpackTensors(message.inputs) };
    sendDone(port, await runCall(session, call), inputBuffers);
  } catch (error) {
    sendFailed(port, error);
  }
}

/** Runs the call that lies in the mailbox (the session has runSync); the answer is put there too if it fits. */
export function runMailbox(port: MessagePort, session: Session, mailbox: MailboxReceiver, call: Call): void {
  try {
    const answer = runCallSync(session, call);
    if (mailbox.write(answer, call)) port.postMessage(ANSWERED);
    else sendDone(port, answer, []);
  } catch (error) {
    sendFailed(port, error);
  }
}

export function send(port: MessagePort, message: MessageFromWorker, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function sendDone(
  port: MessagePort,
  { outputs, runStart, runEnd }: Answer,
  inputBuffers: readonly ArrayBuffer[],
): void {
  const packed = packTensors(outputs, new OutputMemory(inputBuffers));
  send(port, { type: 'done', outputs: packed, inputBuffers, runStart, runEnd }, [
    ...inputBuffers,
    ...buffersOf(packed),
  ]);
}

/** Without the inputs' memory: this must not fail, and failures are rare. */
function sendFailed(port: MessagePort, error: unknown): void {
  send(port, { type: 'failed', error: toErrorMessage(error) });
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
