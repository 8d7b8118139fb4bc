/**
 * The main thread's side of a mailbox (mailbox.ts): puts a batch in, takes the answer out. One call at a time.
 *
 * The scheduler copies rows into ordinary memory first and that is copied here, once more: V8 copies to shared memory by
 * words, and where source and target are not aligned alike, as with a request's own bytes, by single bytes (measured,
 * 16 KB: 0.15 µs to ordinary memory from anywhere; to shared memory 0.6 aligned, 6 not).
 */
import { Buffer } from 'node:buffer';
import type { Signature } from '../../core/signature.ts';
import {
  ANSWER,
  BY_MESSAGE,
  INSTANT,
  type MailboxMemory,
  type MailboxWords,
  type NumberedSignature,
  numberSignatures,
  REQUEST,
  wordsOf,
} from './mailbox.ts';
import { SharedSlab } from './shared-slab.ts';
import { type KnownTensor, readTensors, writeTensor } from './tensor-words.ts';
import type { Answer, Call } from './worker-call.ts';

export class MailboxSender {
  readonly #words: MailboxWords;
  readonly #requests: SharedSlab;
  readonly #answers: SharedArrayBuffer;
  readonly #signatures = new Map<string, NumberedSignature>();
  /** Outputs of the call in the mailbox. */
  #awaited: readonly KnownTensor[] = [];

  constructor(memory: MailboxMemory, signatures: ReadonlyMap<string, Signature>) {
    this.#words = wordsOf(memory);
    this.#requests = new SharedSlab(memory.requests);
    this.#answers = memory.answers;
    for (const signature of numberSignatures(signatures)) this.#signatures.set(signature.name, signature);
  }

  /** Puts the call in, to be rung for. False = it must go by message: it does not fit, or has strings or a mistake. */
  write({ signatureName, inputs, outputs, deadline }: Call): boolean {
    const signature = this.#signatures.get(signatureName);
    if (signature?.inputs === undefined || signature.inputs.length !== inputs.size) return false;
    const { request, instants } = this.#words;
    let at = this.#writeOutputs(signature, outputs);
    this.#requests.clear();
    for (const { name, dtype } of signature.inputs) {
      const tensor = inputs.get(name);
      if (at === -1 || tensor === undefined || tensor.dtype === 'string' || tensor.dtype !== dtype) return false;
      const byteOffset = this.#requests.put(tensor.data);
      if (byteOffset === -1) return false;
      at = writeTensor(request, at, tensor, byteOffset);
    }
    if (at === -1) return false;
    request[REQUEST.signature] = signature.index;
    request[REQUEST.slabBytes] = this.#requests.top;
    instants[INSTANT.deadline] = deadline;
    return true;
  }

  /** Wakes the worker for the call that was written. */
  ring(): void {
    const { calls } = this.#words;
    Atomics.add(calls, 0, 1);
    Atomics.notify(calls, 0);
  }

  /** Wakes the worker for a message that was posted. */
  ringForMessage(): void {
    this.#words.request[REQUEST.signature] = BY_MESSAGE;
    this.ring();
  }

  /** The answer to the call, in memory of its own: the slab's is written again by the next. */
  readAnswer(): Answer {
    const { answer, instants } = this.#words;
    const bytes = Buffer.allocUnsafe(answer[ANSWER.slabBytes]!);
    bytes.set(new Uint8Array(this.#answers, 0, bytes.byteLength));
    return {
      outputs: readTensors(answer, ANSWER.rest, this.#awaited, bytes),
      runStart: instants[INSTANT.runStart]!,
      runEnd: instants[INSTANT.runEnd]!,
    };
  }

  /** The index after them, or -1. */
  #writeOutputs({ outputs: known, outputIndex }: NumberedSignature, outputs: readonly string[]): number {
    const { request } = this.#words;
    const end = REQUEST.rest + outputs.length;
    if (end > request.length) return -1;
    const awaited: KnownTensor[] = [];
    for (let i = 0; i < outputs.length; i++) {
      const index = outputIndex.get(outputs[i]!);
      const tensor = index === undefined ? undefined : known[index];
      if (index === undefined || tensor === undefined) return -1;
      awaited.push(tensor);
      request[REQUEST.rest + i] = index;
    }
    request[REQUEST.outputCount] = outputs.length;
    this.#awaited = awaited;
    return end;
  }
}
