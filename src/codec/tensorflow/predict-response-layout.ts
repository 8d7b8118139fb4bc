/**
 * What the answers of one signature have in common when their shapes are the same: all bytes but those of the elements.
 *
 *   message   ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓░░░░░░░░░░░▓▓▓▓▓▓▓▓▓▓▓▓     ▓ names, dtypes, shapes, lengths, model_spec: copied
 *                            elements                      ░ put into their places
 *
 * The counterpart of predict-layout.ts. Only where elements stand in the message as they are in memory: strings and
 * varints are counted and written each time.
 */
import { Buffer } from 'node:buffer';
import type { DType } from '../../core/dtype.ts';
import type { ResolvedModelSpec } from '../../core/model-spec.ts';
import { type Shape, shapesEqual } from '../../core/shape.ts';
import type { TensorMap } from '../../core/tensor.ts';

/** An output whose elements stand in the message. */
export interface OutputPlace {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Bytes from the message's start. */
  readonly start: number;
  readonly byteLength: number;
}

/** Longer answers are written each time: their elements take longer than all the rest, and it would be kept with them. */
const MAX_MESSAGE_BYTES = 2048;
/** Below this a loop is faster than a call of `set`. */
const LOOP_BYTES = 64;

export class PredictResponseLayout {
  readonly #spec: ResolvedModelSpec;
  readonly #places: readonly OutputPlace[];
  /** Of an answer: what stands in the places is of no account. */
  readonly #message: Uint8Array;

  private constructor(spec: ResolvedModelSpec, message: Uint8Array, places: readonly OutputPlace[]) {
    this.#spec = spec;
    this.#message = Uint8Array.from(message);
    this.#places = places;
  }

  /** @param message an answer. @param places of all its outputs. Undefined for a long one. */
  static of(
    spec: ResolvedModelSpec,
    message: Uint8Array,
    places: readonly OutputPlace[],
  ): PredictResponseLayout | undefined {
    return message.length > MAX_MESSAGE_BYTES ? undefined : new PredictResponseLayout(spec, message, places);
  }

  fits(spec: ResolvedModelSpec, outputs: TensorMap): boolean {
    if (spec !== this.#spec || outputs.size !== this.#places.length) return false;
    for (let i = 0; i < this.#places.length; i++) {
      const { name, dtype, shape, byteLength } = this.#places[i]!;
      const tensor = outputs.get(name);
      if (tensor === undefined || tensor.dtype !== dtype || tensor.data.length !== byteLength) return false;
      if (!shapesEqual(tensor.shape, shape)) return false;
    }
    return true;
  }

  /** The message, behind `room` bytes that are left free. The outputs fit. */
  write(outputs: TensorMap, room: number): Uint8Array {
    const message = this.#message;
    const buffer = Buffer.allocUnsafe(room + message.length);
    copy(message, buffer, room);
    for (let i = 0; i < this.#places.length; i++) {
      const { name, start } = this.#places[i]!;
      copy(outputs.get(name)!.data as Uint8Array, buffer, room + start);
    }
    return buffer;
  }
}

function copy(bytes: Uint8Array, into: Uint8Array, at: number): void {
  if (bytes.length > LOOP_BYTES) into.set(bytes, at);
  else for (let i = 0; i < bytes.length; i++) into[at + i] = bytes[i]!;
}
