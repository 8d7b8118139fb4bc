/**
 * The worker thread's side of a mailbox (mailbox.ts): it sleeps until it rings, reads the call and writes the answer.
 */
import type { Signature } from '../../../core/signature.ts';
import type { TensorMap } from '../../../core/tensor.ts';
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
  readTraceparent,
  wordsOf,
} from './mailbox.ts';
import { SharedSlab } from './shared-slab.ts';
import { readTensors, writeTensor } from './tensor-words.ts';

interface Place {
  readonly words: MailboxWords;
  readonly requests: SharedArrayBuffer;
  readonly answers: SharedSlab;
}

export class MailboxReceiver {
  readonly #calls: Int32Array;
  readonly #places: readonly [Place, Place];
  readonly #signatures: readonly NumberedSignature[];
  /** The request's bytes in ordinary memory: ONNX Runtime rejects views of shared memory. */
  readonly #scratch: Uint8Array<ArrayBuffer>;
  /** Number of rings that were read. */
  #heard = 0;
  /** The place of the last ring. */
  #place: Place;

  constructor(memory: MailboxMemory, signatures: ReadonlyMap<string, Signature>) {
    const [first, second] = memory.places;
    this.#calls = new Int32Array(memory.calls, 0, 1);
    this.#places = [placeOf(first), placeOf(second)];
    this.#place = this.#places[0];
    this.#scratch = new Uint8Array(first.requests.byteLength);
    this.#signatures = numberSignatures(signatures);
  }

  /** Blocks the thread until the next ring. */
  wait(): void {
    while (Atomics.load(this.#calls, 0) === this.#heard) Atomics.wait(this.#calls, 0, this.#heard);
    this.#place = this.#places[this.#heard & 1]!;
    this.#heard = (this.#heard + 1) | 0;
  }

  /** The call; undefined = it comes by message. Its inputs are views of memory that the next call overwrites. */
  read(): Call | undefined {
    const { request, instants, trace } = this.#place.words;
    const index = request[REQUEST.signature]!;
    if (index === BY_MESSAGE) return undefined;
    const signature = this.#signatures[index]!;
    const outputCount = request[REQUEST.outputCount]!;
    const outputs: string[] = [];
    for (let i = 0; i < outputCount; i++) outputs.push(signature.outputs[request[REQUEST.rest + i]!]!.name);
    this.#scratch.set(new Uint8Array(this.#place.requests, 0, request[REQUEST.slabBytes]!));
    return {
      signatureName: signature.name,
      inputs: readTensors(request, REQUEST.rest + outputCount, signature.inputs!, this.#scratch),
      outputs,
      deadline: instants[INSTANT.deadline]!,
      traceparent: readTraceparent(trace),
    };
  }

  /** Writes the requested outputs. False = they must go by message: too large, or not as the signature says. */
  write({ outputs, runStart, runEnd }: Answer, { signatureName, outputs: wanted }: Call): boolean {
    const { words, answers } = this.#place;
    const { answer, instants } = words;
    const signature = this.#signatures.find(({ name }) => name === signatureName)!;
    answers.clear();
    let at: number = ANSWER.rest;
    for (const name of wanted) at = this.#writeOutput(at, signature, name, outputs);
    if (at === -1) return false;
    answer[ANSWER.slabBytes] = answers.top;
    instants[INSTANT.runStart] = runStart;
    instants[INSTANT.runEnd] = runEnd;
    return true;
  }

  /** Returns the index after the output, or -1 if it does not fit. */
  #writeOutput(at: number, signature: NumberedSignature, name: string, outputs: TensorMap): number {
    const tensor = outputs.get(name);
    const known = signature.outputs[signature.outputIndex.get(name)!];
    if (at === -1 || tensor === undefined || tensor.dtype === 'string' || tensor.dtype !== known?.dtype) return -1;
    const byteOffset = this.#place.answers.put(tensor.data);
    return byteOffset === -1 ? -1 : writeTensor(this.#place.words.answer, at, tensor, byteOffset);
  }
}

function placeOf(memory: PlaceMemory): Place {
  return { words: wordsOf(memory), requests: memory.requests, answers: new SharedSlab(memory.answers) };
}
