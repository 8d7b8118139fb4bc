/**
 * Inflates bodies in small pieces, so that their size is known before there is memory for it.
 *
 *   bytes ─▶ gunzip ─▶ count ─▶ gunzip ─▶ count ─▶ pieces ─▶ one Buffer
 *                        │                  └ at most maxBytes; every piece is charged (`hold`)
 *                        └ all codings together make at most FREE_BYTES + MAX_RATIO × what was sent
 *
 * A coding over another is a pipe: nothing between them is ever held whole. The work is done on libuv's threads, a piece
 * at a time.
 */
import type { Buffer } from 'node:buffer';
import { Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { ServingError } from '../core/errors.ts';
import { GrowingBytes } from './growing-bytes.ts';

/** `unzip` tells gzip and deflate apart by their first bytes. */
export type StreamCoding = 'unzip' | 'gunzip' | 'inflate' | 'br';

/**
 * Numbers as text or floats shrink 2 to 20 times, images of mostly one colour 100 times. gzip makes 1032 bytes of one at
 * most, br and zstd tens of thousands.
 */
export const MAX_RATIO = 200;
/** So much may come of any input: test requests of zeros are small. */
export const FREE_BYTES = 4 * 2 ** 20;

const PIECE_BYTES = 64 * 1024;
/** Smaller bodies are inflated in one call, at half the cost: they make a few MiB at most. */
const SMALL_BYTES = 16 * 1024;

/** `broken`: not what the coding says, cut off, or followed by other bytes. */
export type InflationFault = 'too large' | 'ratio' | 'broken';

export class InflationError extends Error {
  readonly fault: InflationFault;

  constructor(fault: InflationFault) {
    super(fault);
    this.fault = fault;
  }
}

/** The most bytes that all codings of one body may make together, so that a second coding multiplies nothing. */
export class InflationBudget {
  #leftBytes: number;

  /** @param sentBytes the body as it came */
  constructor(sentBytes: number) {
    this.#leftBytes = FREE_BYTES + MAX_RATIO * sentBytes;
  }

  get leftBytes(): number {
    return this.#leftBytes;
  }

  /** Returns false, and is used up, if there is less. */
  spend(bytes: number): boolean {
    this.#leftBytes -= bytes;
    return this.#leftBytes >= 0;
  }
}

export interface InflationLimits {
  readonly maxBytes: number;
  /** Default: for a body of these bytes. */
  readonly budget?: InflationBudget;
  /** Charges the request for so many inflated bytes; returns why it may not have them. */
  readonly hold?: ((bytes: number) => ServingError | undefined) | undefined;
}

interface ZlibStream extends Transform {
  /** Input that it has used. */
  readonly bytesWritten: number;
}

const MAKERS: Readonly<Record<StreamCoding, (options: { chunkSize: number }) => ZlibStream>> = {
  unzip: zlib.createUnzip,
  gunzip: zlib.createGunzip,
  inflate: zlib.createInflate,
  br: zlib.createBrotliDecompress,
};

interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

type InflateWhole = (
  bytes: Uint8Array,
  options: { readonly maxOutputLength: number; readonly info: true },
  done: (error: NodeJS.ErrnoException | null, result: Inflated) => void,
) => void;

/** The types of Node do not know the option `info`. */
const WHOLE = {
  unzip: zlib.unzip,
  gunzip: zlib.gunzip,
  inflate: zlib.inflate,
  br: zlib.brotliDecompress,
} as unknown as Readonly<Record<StreamCoding, InflateWhole>>;

/**
 * Applies `codings` in order. `bytes` must not change meanwhile. Rejects with InflationError, or with the ServingError
 * of `hold`.
 */
export async function inflate(
  bytes: Uint8Array,
  codings: readonly StreamCoding[],
  limits: InflationLimits,
): Promise<Buffer> {
  const budget = limits.budget ?? new InflationBudget(bytes.length);
  const isSmall = codings.length === 1 && bytes.length <= SMALL_BYTES;
  const whole = await (isSmall
    ? inflateSmall(bytes, codings[0]!, limits.maxBytes, budget)
    : inPieces(bytes, codings, limits, budget));
  const refusal = limits.hold?.(whole.length);
  if (refusal !== undefined) throw refusal;
  return whole;
}

function inflateSmall(
  bytes: Uint8Array,
  coding: StreamCoding,
  maxBytes: number,
  budget: InflationBudget,
): Promise<Buffer> {
  const most = Math.min(maxBytes, budget.leftBytes);
  return new Promise((resolve, reject) => {
    WHOLE[coding](bytes, { maxOutputLength: most, info: true }, (error, result) => {
      const isTooLong = error?.code === 'ERR_BUFFER_TOO_LARGE';
      if (isTooLong) reject(new InflationError(most < maxBytes ? 'ratio' : 'too large'));
      else if (error !== null || result.engine.bytesWritten < bytes.length) reject(new InflationError('broken'));
      else {
        budget.spend(result.buffer.length);
        resolve(result.buffer);
      }
    });
  });
}

async function inPieces(
  bytes: Uint8Array,
  codings: readonly StreamCoding[],
  { maxBytes, hold }: InflationLimits,
  budget: InflationBudget,
): Promise<Buffer> {
  const inflated = new GrowingBytes();
  const stages = codings.map((coding) => new Stage(MAKERS[coding]({ chunkSize: PIECE_BYTES }), budget));
  const collect = new Writable({
    write(piece: Buffer, _encoding, done) {
      inflated.append(piece);
      done(inflated.length > maxBytes ? new InflationError('too large') : hold?.(inflated.length));
    },
  });
  for (const [i, stage] of stages.entries()) stage.follow(stages[i - 1], bytes.length);
  try {
    const steps = stages.flatMap((stage) => [stage.zlib, stage.count]);
    await pipeline([Readable.from(slices(bytes)), ...steps, collect]);
    for (const stage of stages) stage.checkEnd();
  } catch (error) {
    inflated.drop();
    if (error instanceof InflationError || error instanceof ServingError) throw error;
    throw new InflationError('broken');
  }
  return inflated.take();
}

/** One coding. */
class Stage {
  readonly zlib: ZlibStream;
  readonly count: Transform;
  #made = 0;
  #before: Stage | undefined;
  #inputBytes = 0;

  constructor(zlib: ZlibStream, budget: InflationBudget) {
    this.zlib = zlib;
    this.count = new Transform({
      transform: (piece: Buffer, _encoding, done) => {
        this.#made += piece.length;
        if (budget.spend(piece.length)) done(null, piece);
        else done(new InflationError('ratio'));
      },
    });
  }

  /** Its input is what `before` makes; without one it has `bytes`. */
  follow(before: Stage | undefined, bytes: number): void {
    this.#before = before;
    this.#inputBytes = bytes;
  }

  /** Bytes that it has been given so far. */
  get inputBytes(): number {
    return this.#before === undefined ? this.#inputBytes : this.#before.#made;
  }

  /** zlib ignores what follows the end of its data. */
  checkEnd(): void {
    if (this.zlib.bytesWritten < this.inputBytes) throw new InflationError('broken');
  }
}

function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/**
 * Lets few bodies be inflated at a time: libuv has four threads, which files and names need too. A caller that has one
 * under way waits behind the others.
 */
export class InflationGate {
  readonly #most: number;
  readonly #callers: string[] = [];
  readonly #waiting: { readonly caller: string; readonly start: () => void }[] = [];

  constructor(most = 2) {
    this.#most = most;
  }

  async run<T>(caller: string, work: () => Promise<T>): Promise<T> {
    if (this.#callers.length >= this.#most) {
      await new Promise<void>((start) => this.#waiting.push({ caller, start }));
    }
    this.#callers.push(caller);
    try {
      return await work();
    } finally {
      this.#callers.splice(this.#callers.indexOf(caller), 1);
      this.#next();
    }
  }

  #next(): void {
    const other = this.#waiting.findIndex(({ caller }) => !this.#callers.includes(caller));
    this.#waiting.splice(Math.max(0, other), 1)[0]?.start();
  }
}
