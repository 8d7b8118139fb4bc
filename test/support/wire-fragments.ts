/**
 * Protobuf made by hand, odd forms included: padded varints, unpacked and split fields, unknown fields.
 */
import { Buffer } from 'node:buffer';

/** A varint of 64 bits; `padding` extra bytes make it longer than it need be (still at most 10). */
export function varint(value: bigint | number, padding = 0): Buffer {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    bytes.push(Number(rest & 0x7fn));
    rest >>= 7n;
  } while (rest !== 0n);
  for (let i = 0; i < padding && bytes.length < 10; i++) bytes.push(0);
  return Buffer.from(bytes.map((byte, i) => (i < bytes.length - 1 ? byte | 0x80 : byte)));
}

export function tag(field: number, wireType: number): Buffer {
  return varint((field << 3) | wireType);
}

export function varintField(field: number, value: bigint | number, padding = 0): Buffer {
  return Buffer.concat([tag(field, 0), varint(value, padding)]);
}

export function bytesField(field: number, bytes: Uint8Array | string): Buffer {
  const body = Buffer.from(bytes as Uint8Array);
  return Buffer.concat([tag(field, 2), varint(body.length), body]);
}

export function fixedField(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([tag(field, bytes.length === 4 ? 5 : 1), bytes]);
}

export function float32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

export function float64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

/** A PredictRequest for model "m" with one input "x", whose TensorProto comes in these parts. */
export function predictRequest(...parts: readonly Uint8Array[]): Buffer {
  const entry = Buffer.concat([bytesField(1, 'x'), ...parts.map((part) => bytesField(2, part))]);
  return Buffer.concat([bytesField(1, bytesField(1, 'm')), bytesField(2, entry)]);
}

/** TensorShapeProto with these dims. */
export function shape(...dims: readonly (number | bigint)[]): Buffer {
  return Buffer.concat(dims.map((dim) => bytesField(2, varintField(1, dim))));
}
