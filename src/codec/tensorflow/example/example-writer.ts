/**
 * Feature values → a serialized tf.Example (tensorflow/core/example/example.proto).
 */
import { Buffer } from 'node:buffer';
import { bytesField, mapField, messageField, varint64Size, WireWriter } from '../../protobuf/wire-writer.ts';

/** The values of one feature; `unset` = the feature is empty. */
export type FeatureList =
  | { readonly kind: 'string'; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'float32'; readonly values: readonly number[] }
  /** Numbers where they are safe integers, else bigints within int64. */
  | { readonly kind: 'int64'; readonly values: readonly (number | bigint)[] }
  | { readonly kind: 'unset' };

/** Example {1 features}, Features {1 feature}, Feature {one of LISTS}, each list {1 value}. */
const FEATURES = 1;
const FEATURE = 1;
const LISTS = { string: 1, float32: 2, int64: 3 } as const;
const VALUE = 1;

export function encodeExample(features: ReadonlyMap<string, FeatureList>): Uint8Array {
  const entries: Uint8Array[] = [];
  for (const [name, list] of features) entries.push(mapField(FEATURE, name, encodeFeature(list)));
  return messageField(FEATURES, Buffer.concat(entries));
}

function encodeFeature(list: FeatureList): Uint8Array {
  switch (list.kind) {
    case 'unset':
      return Buffer.alloc(0);
    case 'string':
      return messageField(LISTS.string, Buffer.concat(list.values.map((value) => messageField(VALUE, value))));
    case 'float32':
      return messageField(LISTS.float32, bytesField(VALUE, packedFloats(list.values)));
    case 'int64':
      return messageField(LISTS.int64, bytesField(VALUE, packedIntegers(list.values)));
  }
}

function packedFloats(values: readonly number[]): Uint8Array {
  const packed = Buffer.allocUnsafe(4 * values.length);
  for (let i = 0; i < values.length; i++) packed.writeFloatLE(values[i]!, 4 * i);
  return packed;
}

function packedIntegers(values: readonly (number | bigint)[]): Uint8Array {
  const words = new BigInt64Array(values.map(BigInt));
  const halves = new Uint32Array(words.buffer);
  let size = 0;
  for (let i = 0; i < halves.length; i += 2) size += varint64Size(halves[i]!, halves[i + 1]!);
  const writer = new WireWriter(size);
  for (let i = 0; i < halves.length; i += 2) writer.varint64(halves[i]!, halves[i + 1]!);
  return writer.buffer;
}
