/**
 * Work that takes long, in steps: all of them at once, or one a turn of the event loop, so that requests are read and
 * answered in between. A step takes less than a millisecond.
 */
import { Buffer } from 'node:buffer';

/** Yields after each step. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** The most bytes that one step copies: fresh memory takes about 0.2 ms a MiB. */
const STEP_BYTES = 2 ** 20;

export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Rejects with what a step throws. */
export function inSlices<T>(steps: Steps<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const next = (): void => {
      try {
        const step = steps.next();
        if (step.done === true) resolve(step.value);
        else setImmediate(next);
      } catch (thrown) {
        reject(thrown);
      }
    };
    next();
  });
}

/** The pieces, one behind the other, in memory of their own. */
export function* joined(pieces: readonly Uint8Array[]): Steps<Buffer> {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const whole = Buffer.allocUnsafeSlow(length);
  let at = 0;
  let inStep = 0;
  for (const piece of pieces) {
    for (let from = 0; from < piece.length; from += STEP_BYTES) {
      const part = piece.subarray(from, from + STEP_BYTES);
      whole.set(part, at);
      at += part.length;
      inStep += part.length;
      if (inStep < STEP_BYTES) continue;
      inStep = 0;
      yield;
    }
  }
  return whole;
}
