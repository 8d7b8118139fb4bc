/**
 * Reuses the memory of batches' inputs: it is lent to the scheduler, moved to a worker, and moved back.
 *
 *          allocate            claim + transfer           keep
 *     kept ────────▶ lent ──────────────────▶ with a worker ────────▶ kept
 *       ▲              │ release, after a run that only read it
 *       └──────────────┘
 *
 * Sizes are powers of two from 1 KiB, so that a model's batches of different sizes can reuse one buffer. The kept bytes
 * are bounded; the garbage collector frees what is above the bound or above the largest size. It also frees a lent
 * buffer that is never returned: the pool holds it weakly.
 */
import { ServingError } from '../../core/errors.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { TransferMemory } from './tensor-transfer.ts';

const SMALLEST_CLASS = 10;
/** 64 MiB: a larger input takes so long to compute that fresh memory does not matter. */
const LARGEST_CLASS = 26;
/** The most bytes kept for each model version: a few batches of usual sizes. */
const DEFAULT_MAX_KEPT_BYTES = 64 * 2 ** 20;

export class BufferPool implements TransferMemory {
  readonly #maxKeptBytes: number;
  /** The kept buffers by class: kept[3] holds buffers of 2^13 bytes. */
  readonly #kept: ArrayBuffer[][] = [];
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #keptBytes = 0;

  constructor(maxKeptBytes: number = DEFAULT_MAX_KEPT_BYTES) {
    this.#maxKeptBytes = maxKeptBytes;
    for (let c = SMALLEST_CLASS; c <= LARGEST_CLASS; c++) this.#kept.push([]);
  }

  /** Bytes in the pool. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Lends at least `byteLength` bytes of any content until claimed or released. Throws `too_large` without memory. */
  allocate(byteLength: number): ArrayBuffer {
    const sizeClass = classOf(byteLength);
    const kept = this.#kept[sizeClass - SMALLEST_CLASS]?.pop();
    if (kept !== undefined) this.#keptBytes -= kept.byteLength;
    const buffer = kept ?? newBuffer(sizeClass <= LARGEST_CLASS ? 2 ** sizeClass : byteLength);
    this.#lent.add(buffer);
    return buffer;
  }

  /** Takes a lent buffer back; ignores other buffers. */
  release(buffer: ArrayBufferLike): void {
    if (this.#lent.delete(buffer)) this.keep(buffer as ArrayBuffer);
  }

  /** Takes back the lent buffers of a batch's inputs after its run. */
  releaseInputs(inputs: TensorMap): void {
    for (const { data } of inputs.values()) if (data instanceof Uint8Array) this.release(data.buffer);
  }

  /** Ends the loan of the buffer under `bytes` and returns it; undefined if it is not lent. */
  claim(bytes: Uint8Array): ArrayBuffer | undefined {
    const { buffer } = bytes;
    return this.#lent.delete(buffer) ? (buffer as ArrayBuffer) : undefined;
  }

  /** Takes back a buffer that was transferred: another object over memory that came from here. */
  keep(buffer: ArrayBuffer): void {
    const { byteLength } = buffer;
    const kept = this.#kept[classOf(byteLength) - SMALLEST_CLASS];
    const isClassSize = byteLength >= 2 ** SMALLEST_CLASS && (byteLength & (byteLength - 1)) === 0;
    if (kept === undefined || !isClassSize || this.#keptBytes + byteLength > this.#maxKeptBytes) return;
    this.#keptBytes += byteLength;
    kept.push(buffer);
  }
}

/** The exponent of the smallest power of two that is at least `byteLength`. */
function classOf(byteLength: number): number {
  if (byteLength <= 2 ** SMALLEST_CLASS) return SMALLEST_CLASS;
  return Math.ceil(Math.log2(byteLength));
}

function newBuffer(byteLength: number): ArrayBuffer {
  try {
    return new ArrayBuffer(byteLength);
  } catch (cause) {
    throw new ServingError('too_large', `no memory for an input of ${byteLength} bytes; send fewer rows`, { cause });
  }
}
