/**
 * What requests of one client have in common: all bytes but those of the numbers.
 *
 *   message   ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓░░░░░░░░░░░░░░░▓▓▓▓▓▓▓░░░░░░░░▓▓     ▓ names, dtypes, shapes, lengths: compared
 *                            tensor_content        float_val      ░ elements: whatever they are, views of them
 *
 * A client sends the same again and again with other numbers in it. Elements of fixed width stand in the message as they
 * are and are read as they are, so that a message with the same bytes around them, at the same places, reads the same.
 * Then nothing is parsed: for one input of 128 floats that takes a sixth (float_val) or a fifth (tensor_content) of what a
 * request unlike any before does (bench/micro/predict-in.ts, the copy into a batch included in both).
 *
 * Strings, and integers that are varints, have no such places: requests with them are parsed.
 */
import type { NumericDType } from '../../core/dtype.ts';
import type { Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { PredictRequest } from './predict-request.ts';

/** Longer ones are parsed each time. */
const MAX_COMMON_BYTES = 512;

/** An input whose elements stand in the message. */
interface Place {
  readonly name: string;
  readonly dtype: NumericDType;
  readonly shape: Shape;
  /** Bytes from the message's start. */
  readonly start: number;
  readonly byteLength: number;
}

/** Bytes between places, from `start` on. */
interface Common {
  readonly start: number;
  readonly bytes: Uint8Array;
}

export class PredictLayout {
  readonly #messageBytes: number;
  readonly #places: readonly Place[];
  readonly #common: readonly Common[];
  readonly #rest: Pick<PredictRequest, 'modelSpec' | 'outputFilter'>;

  private constructor(message: Uint8Array, request: PredictRequest, places: readonly Place[]) {
    this.#messageBytes = message.byteLength;
    this.#rest = request;
    this.#places = places;
    this.#common = commonBytes(message, places);
  }

  /** Of a message and what was read of it; undefined where not every input stands in it. */
  static of(message: Uint8Array, request: PredictRequest): PredictLayout | undefined {
    const places: Place[] = [];
    let elementBytes = 0;
    for (const [name, tensor] of request.inputs) {
      if (tensor.dtype === 'string' || tensor.data.buffer !== message.buffer) return undefined;
      const { dtype, shape, data } = tensor;
      places.push({ name, dtype, shape, start: data.byteOffset - message.byteOffset, byteLength: data.byteLength });
      elementBytes += data.byteLength;
    }
    return message.byteLength - elementBytes > MAX_COMMON_BYTES
      ? undefined
      : new PredictLayout(message, request, places);
  }

  /** What reading the message would give, if it has this layout. Its tensors are views of it. */
  read(message: Uint8Array): PredictRequest | undefined {
    if (message.byteLength !== this.#messageBytes || !this.#fits(message)) return undefined;
    const inputs = new Map<string, Tensor>();
    const { buffer, byteOffset } = message;
    for (let i = 0; i < this.#places.length; i++) {
      const { name, dtype, shape, start, byteLength } = this.#places[i]!;
      inputs.set(name, { dtype, shape, data: new Uint8Array(buffer, byteOffset + start, byteLength) });
    }
    const { modelSpec, outputFilter } = this.#rest;
    return { modelSpec, inputs, outputFilter };
  }

  #fits(message: Uint8Array): boolean {
    for (let i = 0; i < this.#common.length; i++) {
      const { start, bytes } = this.#common[i]!;
      for (let at = bytes.length - 1; at >= 0; at--) if (bytes[at] !== message[start + at]) return false;
    }
    return true;
  }
}

/** All that lies before, between and behind the places. No two of them share a byte. */
function commonBytes(message: Uint8Array, places: readonly Place[]): readonly Common[] {
  const common: Common[] = [];
  let start = 0;
  const add = (end: number): void => {
    if (end > start) common.push({ start, bytes: Uint8Array.from(message.subarray(start, end)) });
  };
  for (const place of [...places].sort((a, b) => a.start - b.start)) {
    add(place.start);
    start = place.start + place.byteLength;
  }
  add(message.byteLength);
  return common;
}
