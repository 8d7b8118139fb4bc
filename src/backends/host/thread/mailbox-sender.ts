/**
 * The main thread's side of a mailbox (mailbox.ts): it writes batches and reads their answers in the same order. At
 * most two calls are unanswered at a time.
 *
 * The scheduler copies rows into ordinary memory, and they are copied once more here. V8 copies to shared memory word
 * by word, and byte by byte when source and target are aligned differently, as a request's own bytes are.
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
  /** The requested outputs of its call. */
  awaited: readonly KnownTensor[];
}

export class MailboxSender {
  readonly #calls: Int32Array;
  readonly #places: readonly [Place, Place];
  readonly #signatures = new Map<string, NumberedSignature>();
  /** Numbers of rings and of answers; the last bit is the place of the next. */
  #rung = 0;
  #answered = 0;

  constructor(memory: MailboxMemory, signatures: ReadonlyMap<string, Signature>) {
    const [first, second] = memory.places;
    this.#calls = new Int32Array(memory.calls, 0, 1);
    this.#places = [placeOf(first), placeOf(second)];
    for (const signature of numberSignatures(signatures)) this.#signatures.set(signature.name, signature);
  }

  /** Writes the call; the caller rings. False = it must go by message: it does not fit, has strings, or is invalid. */
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

  /** Wakes the worker for the written call. */
  ring(): void {
    this.#rung = (this.#rung + 1) | 0;
    Atomics.add(this.#calls, 0, 1);
    Atomics.notify(this.#calls, 0);
  }

  /** Wakes the worker for a posted message. */
  ringForMessage(): void {
    this.#places[this.#rung & 1]!.words.request[REQUEST.signature] = BY_MESSAGE;
    this.ring();
  }

  /** The answer to the oldest call, in its own memory: the second call after it overwrites the slab. */
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

  /** Frees the place of the oldest call, which was answered in the mailbox or by message. */
  forget(): void {
    this.#answered = (this.#answered + 1) | 0;
  }

  /** Returns the index after the outputs, or -1 if one is unknown or has strings. */
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
