/**
 * InferTensorContents: a tensor's elements in the field of their type.
 *
 *   1 bool, 2 int32, 3 int64, 4 uint32, 5 uint64: varints   6 float, 7 double: their bytes   8 bytes: a field for each
 */
import { Buffer } from 'node:buffer';
import { bytesPerElement, type NumericDType, typedArrayOf } from '../../core/dtype.ts';
import { lengthDelimited, type WireReader } from '../protobuf/wire-reader.ts';

const FIRST_VARINT_FIELD = 1;
const LAST_VARINT_FIELD = 5;
const FIRST_FLOAT_FIELD = 6;
const LAST_FLOAT_FIELD = 7;
const STRINGS = 8;

export class TypedContents {
  readonly strings: Uint8Array[] = [];
  /** The elements of the varint fields, cut to 64 bits. */
  readonly integers: bigint[] = [];
  /** The runs of the float fields. */
  readonly floats: Uint8Array[] = [];

  /** The elements as a tensor's data. */
  bytesOf(dtype: NumericDType): Uint8Array {
    if (this.floats.length > 0) return Buffer.concat(this.floats);
    const Elements = typedArrayOf(dtype);
    const elements = new Elements(this.integers.length);
    const isWide = bytesPerElement(dtype) === 8;
    for (let i = 0; i < elements.length; i++) {
      const value = this.integers[i]!;
      (elements as { [index: number]: number | bigint })[i] = isWide ? value : Number(value);
    }
    return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
  }
}

/** Reads the message before which `reader` is. Every field is packed, as in proto3. */
export function readTypedContents(reader: WireReader): TypedContents {
  const contents = new TypedContents();
  const outer = reader.enter();
  while (reader.next()) {
    const { field } = reader;
    if (reader.tag !== lengthDelimited(field)) reader.skip();
    else if (field >= FIRST_VARINT_FIELD && field <= LAST_VARINT_FIELD) readVarints(reader, contents.integers);
    else if (field >= FIRST_FLOAT_FIELD && field <= LAST_FLOAT_FIELD) contents.floats.push(reader.bytesField());
    else if (field === STRINGS) contents.strings.push(reader.bytesField());
    else reader.skip();
  }
  reader.leave(outer);
  return contents;
}

function readVarints(reader: WireReader, into: bigint[]): void {
  const outer = reader.enter();
  while (reader.position < reader.end) into.push(reader.int64());
  reader.leave(outer);
}
