/** The tf.Examples of one request as they are read from it: how many they may be, and the context that all share. */
import { Buffer } from 'node:buffer';
import { ServingError } from '../../../core/errors.ts';

/** What an example is charged beside its bytes: the object that stands for it. */
const EXAMPLE_BYTES = 64;

/** Counts examples and their bytes as they are read from a request, and says when they are too many. */
export class ExampleCount {
  readonly #limit: number;
  #left: number;

  /** `limit`: bytes that the examples of one request may take together. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#left = limit;
  }

  /** One example more, of which so many bytes are copied. Throws `too_large`. */
  add(copiedBytes = 0): void {
    this.#left -= EXAMPLE_BYTES + copiedBytes;
    if (this.#left >= 0) return;
    throw new ServingError(
      'too_large',
      `the examples of this request, with the context beside each, take more than the ${this.#limit} bytes that a request may; send fewer at once`,
    );
  }
}

/**
 * The examples as the model sees them: each with the context in front of it, which protobuf reads as one message whose
 * later features win. Throws `too_large`.
 */
export function withContext(
  examples: readonly Uint8Array[],
  context: Uint8Array | undefined,
  maxBytes: number,
): readonly Uint8Array[] {
  if (context === undefined || context.length === 0) return examples;
  const count = new ExampleCount(maxBytes);
  return examples.map((example) => {
    count.add(context.length + example.length);
    return Buffer.concat([context, example]);
  });
}
