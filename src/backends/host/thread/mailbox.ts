/**
 * The memory that the main thread and one worker thread share, so that a batch crosses without a message:
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
 * It is a ring of two places, for the batch that runs and for its next one, which comes shortly before it ends: what
 * waits is better kept where others may still join it. `calls` counts how often it was rung: the n-th call, and its
 * answer, lie in place n mod 2, or are there said to come by message. The worker sleeps in Atomics.wait, not in its event loop, so it cannot hear messages: one that goes by the
 * port (a batch that does not fit here, `close`) is posted first and then rung for.
 *
 * Measured, an empty round trip, CPU µs of both threads and median latency: rung and answered by message 12.0 and 11;
 * messages both ways 16.7 and 19; Atomics.waitAsync in place of the answering message 12.9 and 11, in the worker too 17.3
 * and 20. With a batch of one row (bench/micro/hosts.ts, cores awake), × the CPU of the session called directly:
 *
 *     y = x/2 + 2, 6 µs a run         mailbox 3.5    messages 4.9    messages, session without runSync 5.6
 *     128-512-512-10 MLP, 22 µs               2.0             2.3                                      2.5
 *
 * Where a core has to be woken from sleep, that costs 40 to 60 µs whichever way.
 */
import type { Signature, TensorSpec } from '../../../core/signature.ts';
import type { KnownTensor } from './tensor-words.ts';

export interface MailboxMemory {
  /** One word: how often it was rung. */
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

/**
 * Larger inputs go by message, which moves memory where the mailbox copies it once more. Measured, × the CPU of messages:
 * 16 KB of inputs 0.94, 32 KB 0.98, 64 KB 1.00, 128 KB 1.00 (128-512-512-10 MLP, whose outputs are small).
 */
export const DEFAULT_SLAB_BYTES = 2 ** 16;
/** Outputs are copied twice more, and so give up earlier: as many out as in, 4 KB 0.78, 8 KB 0.87, 16 KB 1.07, 32 KB 1.2. */
const ANSWER_SLAB_BYTES = 2 ** 13;

const WORDS_BYTES = 8192;
const TRACE_START = 64;
/** A length, and W3C's 55 characters. */
const TRACE_BYTES = 64;
const REQUEST_START = TRACE_START + TRACE_BYTES;
const CALLS_BYTES = 64;
const ANSWER_START = 4096;

/** Where the request says that there is none: the worker is to look at its port. */
export const BY_MESSAGE = -1;
/** Words of the request before its outputs and inputs. */
export const REQUEST = { signature: 0, slabBytes: 1, outputCount: 2, rest: 3 } as const;
export const ANSWER = { slabBytes: 0, rest: 1 } as const;
/** In `instants`: milliseconds of machine time. */
export const INSTANT = { deadline: 0, runStart: 1, runEnd: 2 } as const;

/** Memory for one worker's life, with `slabBytes` for inputs. */
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

/** The parts of a place's words, as either side reads and writes them. */
export interface MailboxWords {
  readonly instants: Float64Array;
  /** The traceparent: its length, 0 = none, and its characters. */
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

/** Writes one that is too long to be one as none. */
export function writeTraceparent(trace: Uint8Array, traceparent: string | undefined): void {
  const length = traceparent === undefined || traceparent.length >= TRACE_BYTES ? 0 : traceparent.length;
  trace[0] = length;
  for (let i = 0; i < length; i++) trace[i + 1] = traceparent!.charCodeAt(i);
}

export function readTraceparent(trace: Uint8Array): string | undefined {
  const length = trace[0]!;
  return length === 0 ? undefined : String.fromCharCode(...trace.subarray(1, length + 1));
}

/** A signature as the words name it: by the place of each thing in the model's own order. */
export interface NumberedSignature {
  readonly index: number;
  readonly name: string;
  /** Undefined: one is of strings, so batches of it go by message. */
  readonly inputs: readonly KnownTensor[] | undefined;
  /** Undefined where it is of strings. */
  readonly outputs: readonly (KnownTensor | undefined)[];
  readonly outputIndex: ReadonlyMap<string, number>;
}

/** Both sides number alike: the signatures reach the main thread in their order. */
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
