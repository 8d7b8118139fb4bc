/** The limit on the tf.Examples of one request, and the context that they share. */
import { Buffer } from 'node:buffer';
import { ServingError } from '../../../core/errors.ts';
import { STRING_ELEMENT_BYTES } from '../tensor-proto/tensor-budget.ts';

/** Charges examples to a limit as they are read. */
export class ExampleCount {
  readonly #limit: number;
  #left: number;

  /** `limit`: the most bytes that the examples of one request may take together. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#left = limit;
  }

  /** Charges one more example, of which `copiedBytes` are copied. Throws `too_large`. */
  add(copiedBytes = 0): void {
    this.#left -= STRING_ELEMENT_BYTES + copiedBytes;
    if (this.#left >= 0) return;
    throw new ServingError(
      'too_large',
      `the examples of this request, with the context beside each, take more than the ${this.#limit} bytes that a ` +
        'request may; send fewer at once',
    );
  }
}

/**
 * The examples with the context in front of each, which protobuf reads as one message where the example's features win.
 * Throws `too_large`.
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
