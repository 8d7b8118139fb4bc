/**
 * The memory that the main thread and a worker thread share, so that a batch crosses without a message:
 *
 *      main                one of two places: words, 8 KiB                    worker
 *                     ┌───────────────────────────────────────────┐
 *      write, ring ──▶│ deadline │ run start │ run end │ trace    │──▶ sleeps until `calls` moves
 *                     │ request: signature, outputs, inputs ────┐ │
 *                     │ answer: outputs ──┐                     │ │
 *                     └───────────────────┼─────────────────────┼─┘
 *                                         │                     ▼
 *      inputs are copied ─────────────────┼─▶ requests slab, 64 KiB ──▶ copied to ordinary memory ──▶ runSync
 *                                         ▼                                                              │
 *      outputs are copied ◀── answers slab, 8 KiB ◀──────────────────────────────────────────────────────┤
 *      woken ◀── an empty message ◀──────────────────────────────────────────────────────────────────────┘
 *
 * It is a ring buffer of two places: one for the current batch, and one for the next batch, which comes shortly before
 * the current one ends (docs/adr/0019-a-next-batch-shortly-before-the-end.md). `calls` counts the rings: call n and its
 * answer are in place n mod 2, unless the place says that they come by message. The worker sleeps in Atomics.wait, not
 * in its event loop, so it does not notice messages: a message (a batch that does not fit here, `close`) is posted
 * first, and then the worker is rung.
 *
 * docs/adr/0007-inline-or-threads.md has the measurements.
 */
import type { Signature, TensorSpec } from '../../../core/signature.ts';
import type { KnownTensor } from './tensor-words.ts';

export interface MailboxMemory {
  /** One word: the number of rings. */
  readonly calls: SharedArrayBuffer;
  readonly places: readonly [PlaceMemory, PlaceMemory];
}

export interface PlaceMemory {
  readonly words: SharedArrayBuffer;
  /** Inputs' bytes, written by the main thread. */
  readonly requests: SharedArrayBuffer;
  /** Outputs' bytes, written by the worker. */
  readonly answers: SharedArrayBuffer;
}

/** Larger inputs go by message, which transfers memory; the mailbox copies it once more. */
export const DEFAULT_SLAB_BYTES = 2 ** 16;
/** Smaller than the slab for inputs, since the mailbox copies outputs twice more. */
const ANSWER_SLAB_BYTES = 2 ** 13;

const WORDS_BYTES = 8192;
const TRACE_START = 64;
/** A length and the 55 characters of a W3C traceparent. */
const TRACE_BYTES = 64;
const REQUEST_START = TRACE_START + TRACE_BYTES;
const CALLS_BYTES = 64;
const ANSWER_START = 4096;

/** Stands for the signature of a call that comes by message: the worker reads its port. */
export const BY_MESSAGE = -1;
/** The words of a request; its outputs and inputs begin at `rest`. */
export const REQUEST = { signature: 0, slabBytes: 1, outputCount: 2, rest: 3 } as const;
export const ANSWER = { slabBytes: 0, rest: 1 } as const;
/** Indexes of `instants`, which are milliseconds of machine time. */
export const INSTANT = { deadline: 0, runStart: 1, runEnd: 2 } as const;

/** Allocates the memory for a worker, with `slabBytes` for a batch's inputs. */
export function newMailboxMemory(slabBytes: number): MailboxMemory {
  return { calls: new SharedArrayBuffer(CALLS_BYTES), places: [newPlace(slabBytes), newPlace(slabBytes)] };
}

function newPlace(slabBytes: number): PlaceMemory {
  return {
    words: new SharedArrayBuffer(WORDS_BYTES),
    requests: new SharedArrayBuffer(slabBytes),
    answers: new SharedArrayBuffer(ANSWER_SLAB_BYTES),
  };
}

/** The parts of a place's words. */
export interface MailboxWords {
  readonly instants: Float64Array;
  /** The traceparent's length (0 = none) and characters. */
  readonly trace: Uint8Array;
  readonly request: Int32Array;
  readonly answer: Int32Array;
}

export function wordsOf({ words }: PlaceMemory): MailboxWords {
  return {
    instants: new Float64Array(words, 8, 3),
    trace: new Uint8Array(words, TRACE_START, TRACE_BYTES),
    request: new Int32Array(words, REQUEST_START, (ANSWER_START - REQUEST_START) / 4),
    answer: new Int32Array(words, ANSWER_START),
  };
}

/** A text that is too long to be a traceparent is written as none. */
export function writeTraceparent(trace: Uint8Array, traceparent: string | undefined): void {
  const length = traceparent === undefined || traceparent.length >= TRACE_BYTES ? 0 : traceparent.length;
  trace[0] = length;
  for (let i = 0; i < length; i++) trace[i + 1] = traceparent!.charCodeAt(i);
}

export function readTraceparent(trace: Uint8Array): string | undefined {
  const length = trace[0]!;
  return length === 0 ? undefined : String.fromCharCode(...trace.subarray(1, length + 1));
}

/** A signature whose index, inputs and outputs have numbers, by their order in the model. */
export interface NumberedSignature {
  readonly index: number;
  readonly name: string;
  /** Undefined: an input has strings, so its batches go by message. */
  readonly inputs: readonly KnownTensor[] | undefined;
  /** An output of strings is undefined. */
  readonly outputs: readonly (KnownTensor | undefined)[];
  readonly outputIndex: ReadonlyMap<string, number>;
}

/** Numbers the signatures, alike on both sides: the main thread receives them in the worker's order. */
export function numberSignatures(signatures: ReadonlyMap<string, Signature>): readonly NumberedSignature[] {
  return [...signatures].map(([name, signature], index) => {
    const inputs = [...signature.inputs].map(known).filter((tensor) => tensor !== undefined);
    return {
      index,
      name,
      inputs: inputs.length === signature.inputs.size ? inputs : undefined,
      outputs: [...signature.outputs].map(known),
      outputIndex: new Map([...signature.outputs.keys()].map((output, i) => [output, i])),
    };
  });
}

function known([name, { dtype }]: readonly [string, TensorSpec]): KnownTensor | undefined {
  return dtype === 'string' ? undefined : { name, dtype };
}
