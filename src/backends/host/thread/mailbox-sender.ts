/**
 * The main thread's side of a mailbox (mailbox.ts): puts batches in, takes the answers out, in the same order. At most two
 * calls at a time are not answered.
 *
 * The scheduler copies rows into ordinary memory first and that is copied here, once more: V8 copies to shared memory by
 * words, and where source and target are not aligned alike, as with a request's own bytes, by single bytes (measured,
 * 16 KB: 0.15 µs to ordinary memory from anywhere; to shared memory 0.6 aligned, 6 not).
 */
import { Buffer } from 'node:buffer';
import type { Signature } from '../../../core/signature.ts';
import type { Answer, Call } from '../worker-call.ts';
import {
  ANSWER,
  BY_MESSAGE,
  INSTANT,
  type MailboxMemory,
  type MailboxWords,
  type NumberedSignature,
  numberSignatures,
  type PlaceMemory,
  REQUEST,
  wordsOf,
  writeTraceparent,
} from './mailbox.ts';
import { SharedSlab } from './shared-slab.ts';
import { type KnownTensor, readTensors, writeTensor } from './tensor-words.ts';

interface Place {
  readonly words: MailboxWords;
  readonly requests: SharedSlab;
  readonly answers: SharedArrayBuffer;
  /** Outputs of the call in it. */
  awaited: readonly KnownTensor[];
}

export class MailboxSender {
  readonly #calls: Int32Array;
  readonly #places: readonly [Place, Place];
  readonly #signatures = new Map<string, NumberedSignature>();
  /** Calls rung for, and those of them that were answered: their last bit is the place. */
  #rung = 0;
  #answered = 0;

  constructor(memory: MailboxMemory, signatures: ReadonlyMap<string, Signature>) {
    const [first, second] = memory.places;
    this.#calls = new Int32Array(memory.calls, 0, 1);
    this.#places = [placeOf(first), placeOf(second)];
    for (const signature of numberSignatures(signatures)) this.#signatures.set(signature.name, signature);
  }

  /** Puts the call in, to be rung for. False = it must go by message: it does not fit, or has strings or a mistake. */
  write({ signatureName, inputs, outputs, deadline, traceparent }: Call): boolean {
    const signature = this.#signatures.get(signatureName);
    if (signature?.inputs === undefined || signature.inputs.length !== inputs.size) return false;
    const place = this.#places[this.#rung & 1]!;
    const { requests } = place;
    const { request, instants } = place.words;
    let at = this.#writeOutputs(place, signature, outputs);
    requests.clear();
    for (const { name, dtype } of signature.inputs) {
      const tensor = inputs.get(name);
      if (at === -1 || tensor === undefined || tensor.dtype === 'string' || tensor.dtype !== dtype) return false;
      const byteOffset = requests.put(tensor.data);
      if (byteOffset === -1) return false;
      at = writeTensor(request, at, tensor, byteOffset);
    }
    if (at === -1) return false;
    request[REQUEST.signature] = signature.index;
    request[REQUEST.slabBytes] = requests.top;
    instants[INSTANT.deadline] = deadline;
    writeTraceparent(place.words.trace, traceparent);
    return true;
  }

  /** Wakes the worker for the call that was written. */
  ring(): void {
    this.#rung = (this.#rung + 1) | 0;
    Atomics.add(this.#calls, 0, 1);
    Atomics.notify(this.#calls, 0);
  }

  /** Wakes the worker for a message that was posted. */
  ringForMessage(): void {
    this.#places[this.#rung & 1]!.words.request[REQUEST.signature] = BY_MESSAGE;
    this.ring();
  }

  /** The answer to the oldest call, in memory of its own: the slab's is written again by the next but one. */
  readAnswer(): Answer {
    const { words, answers, awaited } = this.#places[this.#answered & 1]!;
    const { answer, instants } = words;
    const bytes = Buffer.allocUnsafe(answer[ANSWER.slabBytes]!);
    bytes.set(new Uint8Array(answers, 0, bytes.byteLength));
    return {
      outputs: readTensors(answer, ANSWER.rest, awaited, bytes),
      runStart: instants[INSTANT.runStart]!,
      runEnd: instants[INSTANT.runEnd]!,
    };
  }

  /** The oldest call has its answer, whichever way that came: its place is free. */
  forget(): void {
    this.#answered = (this.#answered + 1) | 0;
  }

  /** The index after them, or -1. */
  #writeOutputs(place: Place, { outputs: known, outputIndex }: NumberedSignature, outputs: readonly string[]): number {
    const { request } = place.words;
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
    place.awaited = awaited;
    return end;
  }
}

function placeOf(memory: PlaceMemory): Place {
  return {
    words: wordsOf(memory),
    requests: new SharedSlab(memory.requests),
    answers: memory.answers,
    awaited: [],
  };
}
