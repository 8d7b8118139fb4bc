/**
 * Tensors on their way to or from the codec thread. Numbers go as they are, in memory that is transferred. Strings are
 * packed: a message with an object for each would hold the event loop as long as their decoding.
 *
 *   strings  "ab" "c" "c"      bytes  a b c      places  0 2 · 2 3 · 2 3     one string after the other, start and end;
 *                                                                            the same object twice is packed once
 */
import { atOnce, inSlices, joined, type Steps } from '../core/in-slices.ts';
import type { Shape } from '../core/shape.ts';
import type { NumericTensor, StringTensor, Tensor, TensorMap } from '../core/tensor.ts';
import { notTextAt } from '../core/text.ts';

export interface CarriedStrings {
  readonly places: Uint32Array;
  readonly bytes: Uint8Array;
}

export type CarriedTensor =
  | NumericTensor
  | {
      readonly dtype: 'string';
      readonly shape: Shape;
      readonly strings: CarriedStrings;
      readonly notTextAt: number | undefined;
    };

export type CarriedTensors = ReadonlyMap<string, CarriedTensor>;

/** The strings that one step reads or makes. */
const STEP_STRINGS = 2048;

export function* packStrings(strings: readonly Uint8Array[]): Steps<CarriedStrings> {
  const places = new Uint32Array(2 * strings.length);
  const different: Uint8Array[] = [];
  let end = 0;
  let last: Uint8Array | undefined;
  for (let i = 0; i < strings.length; i++) {
    const string = strings[i]!;
    if (string !== last) {
      different.push(string);
      end += string.length;
      last = string;
    }
    places[2 * i] = end - string.length;
    places[2 * i + 1] = end;
    if (i % STEP_STRINGS === STEP_STRINGS - 1) yield;
  }
  return { places, bytes: yield* joined(different) };
}

/** The strings as views of the packed bytes. */
export function* unpackStrings({ places, bytes }: CarriedStrings): Steps<Uint8Array[]> {
  const count = places.length / 2;
  const strings: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const start = places[2 * i]!;
    const end = places[2 * i + 1]!;
    const isAsBefore = i > 0 && places[2 * i - 2] === start && places[2 * i - 1] === end;
    strings.push(isAsBefore ? strings[i - 1]! : new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start));
    if (i % STEP_STRINGS === STEP_STRINGS - 1) yield;
  }
  return strings;
}

/** Packs tensors whose memory may be given away with them. */
function* packed(tensors: TensorMap, findsText: boolean): Steps<CarriedTensors> {
  const all = new Map<string, CarriedTensor>();
  for (const [name, tensor] of tensors) {
    if (tensor.dtype !== 'string') all.set(name, tensor);
    else {
      const { dtype, shape, data } = tensor;
      const strings = yield* packStrings(data);
      all.set(name, { dtype, shape, strings, notTextAt: findsText ? notTextAt(data) : undefined });
    }
  }
  return all;
}

/** Packs the inputs of a request at once, on the thread, where what the check of text needs is found out as well. */
export function carriedInputs(inputs: TensorMap): CarriedTensors {
  return atOnce(packed(inputs, true));
}

/** Packs a copy of the tensors, whose memory others may read. */
export function* copied(tensors: TensorMap): Steps<CarriedTensors> {
  const own = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    own.set(name, tensor.dtype === 'string' ? tensor : { ...tensor, data: yield* joined([tensor.data]) });
  }
  return yield* packed(own, false);
}

/** The tensors that were packed. */
export function* unpacked(carried: CarriedTensors): Steps<TensorMap> {
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of carried) {
    if (tensor.dtype !== 'string') tensors.set(name, tensor);
    else {
      const { strings, ...rest } = tensor;
      tensors.set(name, { ...rest, data: yield* unpackStrings(strings) } as StringTensor);
    }
  }
  return tensors;
}

/** A message with tf.Examples, which are packed as strings are. */
export type Carried<Message> = Omit<Message, 'examples'> & {
  readonly examples: CarriedStrings;
  readonly notTextAt: number;
};

/** The tensors, unpacked on the event loop. */
export function receivedTensors(carried: CarriedTensors): Promise<TensorMap> {
  return inSlices(unpacked(carried));
}

/** The message, unpacked on the event loop. */
export async function receivedExamples<Message extends { readonly examples: CarriedStrings }>(
  carried: Message,
): Promise<Omit<Message, 'examples'> & { readonly examples: readonly Uint8Array[] }> {
  return { ...carried, examples: await inSlices(unpackStrings(carried.examples)) };
}
