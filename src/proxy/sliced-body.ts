/**
 * The body of an answer that is too large to be held whole: its slices are made as its client takes them, so that its
 * length is not known before. What cannot be written is found before the first slice, while an error can still be told.
 */
import { Buffer } from 'node:buffer';

export class SlicedBody implements AsyncIterable<Buffer> {
  /** Bytes that are held until the last slice has left: the outputs from which the slices are made. */
  readonly heldBytes: number;
  readonly #slices: AsyncIterable<Buffer>;

  constructor(slices: AsyncIterable<Buffer>, heldBytes: number) {
    this.#slices = slices;
    this.heldBytes = heldBytes;
  }

  /** The slices can be read once. */
  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return this.#slices[Symbol.asyncIterator]();
  }
}

/** The body of an answer over HTTP. */
export type HttpBody = Buffer | SlicedBody;

/** Resolves when the first slice is made. Rejects with what that throws. */
export async function begunBody(slices: AsyncGenerator<Buffer>, heldBytes: number): Promise<SlicedBody> {
  const first = await slices.next();
  async function* all(): AsyncGenerator<Buffer> {
    if (first.done === true) return;
    yield first.value;
    yield* slices;
  }
  return new SlicedBody(all(), heldBytes);
}

/** Reads the whole body into memory, for readers that cannot take it in slices. */
export async function wholeBody(body: HttpBody): Promise<Buffer> {
  if (!(body instanceof SlicedBody)) return body;
  const slices: Buffer[] = [];
  for await (const slice of body) slices.push(slice);
  return Buffer.concat(slices);
}
