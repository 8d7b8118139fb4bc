/**
 * The memory of batches' inputs, used again and again: lent to the scheduler, moved to a worker, moved back.
 *
 *          allocate            claim + transfer           keep
 *     kept ────────▶ lent ──────────────────▶ with a worker ────────▶ kept
 *       ▲              │ release, after a run for which it was only read
 *       └──────────────┘
 *
 * Sizes are powers of two from 1 KiB, so that any batch of a model finds the memory of the one before. What is kept is
 * bounded in bytes; past that, and above the largest class, memory is left to the garbage collector. A buffer that is
 * lent and never comes back is too: it is held weakly.
 */
import { ServingError } from '../../core/errors.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { TransferMemory } from './tensor-transfer.ts';

const SMALLEST_CLASS = 10;
/** 64 MiB: a batch input above it is so rare and so costly to compute that fresh memory does not matter. */
const LARGEST_CLASS = 26;
/** Per model version: a few batches of any usual size. */
const DEFAULT_MAX_KEPT_BYTES = 64 * 2 ** 20;

export class BufferPool implements TransferMemory {
  readonly #maxKeptBytes: number;
  /** By class: kept[3] holds buffers of 2^13 bytes. */
  readonly #kept: ArrayBuffer[][] = [];
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #keptBytes = 0;

  constructor(maxKeptBytes: number = DEFAULT_MAX_KEPT_BYTES) {
    this.#maxKeptBytes = maxKeptBytes;
    for (let c = SMALLEST_CLASS; c <= LARGEST_CLASS; c++) this.#kept.push([]);
  }

  /** Bytes that wait to be used again. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** At least `byteLength` bytes of any content, lent until claimed or released. Throws `too_large` if there are none. */
  allocate(byteLength: number): ArrayBuffer {
    const sizeClass = classOf(byteLength);
    const kept = this.#kept[sizeClass - SMALLEST_CLASS]?.pop();
    if (kept !== undefined) this.#keptBytes -= kept.byteLength;
    const buffer = kept ?? newBuffer(sizeClass <= LARGEST_CLASS ? 2 ** sizeClass : byteLength);
    this.#lent.add(buffer);
    return buffer;
  }

  /** Takes a lent buffer back; others are nobody's business here. */
  release(buffer: ArrayBufferLike): void {
    if (this.#lent.delete(buffer)) this.keep(buffer as ArrayBuffer);
  }

  /** Takes back those of a batch's inputs that are lent: its run is over. */
  releaseInputs(inputs: TensorMap): void {
    for (const { data } of inputs.values()) if (data instanceof Uint8Array) this.release(data.buffer);
  }

  /** The buffer under `bytes` if it is lent, which it no longer is then. */
  claim(bytes: Uint8Array): ArrayBuffer | undefined {
    const { buffer } = bytes;
    return this.#lent.delete(buffer) ? (buffer as ArrayBuffer) : undefined;
  }

  /** Takes in a buffer that came from here and travelled: the same memory under another name. */
  keep(buffer: ArrayBuffer): void {
    const { byteLength } = buffer;
    const kept = this.#kept[classOf(byteLength) - SMALLEST_CLASS];
    if (kept === undefined || !isClassSize(byteLength) || this.#keptBytes + byteLength > this.#maxKeptBytes) return;
    this.#keptBytes += byteLength;
    kept.push(buffer);
  }
}

/** The exponent of the smallest power of two that holds so many bytes. */
function classOf(byteLength: number): number {
  if (byteLength <= 2 ** SMALLEST_CLASS) return SMALLEST_CLASS;
  return Math.ceil(Math.log2(byteLength));
}

function isClassSize(byteLength: number): boolean {
  return byteLength >= 2 ** SMALLEST_CLASS && (byteLength & (byteLength - 1)) === 0;
}

function newBuffer(byteLength: number): ArrayBuffer {
  try {
    return new ArrayBuffer(byteLength);
  } catch (cause) {
    throw new ServingError('too_large', `no memory for an input of ${byteLength} bytes; send fewer rows`, { cause });
  }
}
