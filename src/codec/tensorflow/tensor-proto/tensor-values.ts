/**
 * The elements of one *_val field of a TensorProto.
 *
 * In protobuf a repeated field may be packed, unpacked or both in turn, and a submessage may come in several parts that
 * are merged. So the values of one tensor are a list of runs, nearly always one:
 *
 *   map entry ┬ key
 *             ├ value (TensorProto, part 1) ┬ dtype, tensor_shape
 *             │                             └ float_val, packed   ◀ a run
 *             └ value (TensorProto, part 2) ┬ float_val, one element ◀ a run
 *                                           └ float_val, packed   ◀ a run
 *
 * The runs are not kept, so a message of many tiny runs costs no memory.
 */
import {
  type FieldRun,
  nextRun,
  WIRE_FIXED32,
  WIRE_FIXED64,
  WIRE_LENGTH_DELIMITED,
  WIRE_VARINT,
  type WireReader,
} from '../../protobuf/wire-reader.ts';
import type { ElementEncoding } from './tensor-fields.ts';

/** The field of the value in an entry of a map field. */
export const MAP_VALUE = 2;

/** The map entry that holds the tensor: `start` to `end` in the reader's bytes. */
export interface EntryBounds {
  readonly start: number;
  readonly end: number;
}

export class TensorValues implements FieldRun {
  /** The current run's bytes, without tag and length. */
  start = 0;
  end = 0;
  readonly #reader: WireReader;
  readonly #entry: EntryBounds;
  readonly #field: number;
  readonly #scalarWireType: number;
  /** Whether the reader is inside a part of the tensor, not between parts. */
  #isInPart = false;

  /** Starts before the first run. `elementSize` is the size of `fixed` elements: 4 or 8. */
  constructor(reader: WireReader, entry: EntryBounds, field: number, encoding: ElementEncoding, elementSize: number) {
    this.#reader = reader;
    this.#entry = entry;
    this.#field = field;
    this.#scalarWireType = scalarWireType(encoding, elementSize);
    reader.position = entry.start;
    reader.end = entry.end;
  }

  /** Moves to the next run; false after the last. */
  next(): boolean {
    const reader = this.#reader;
    for (;;) {
      if (this.#isInPart && nextRun(reader, this.#field, this.#scalarWireType, this)) return true;
      this.#isInPart = false;
      reader.end = this.#entry.end;
      if (!reader.next()) return false;
      if (reader.field === MAP_VALUE && reader.wireType === WIRE_LENGTH_DELIMITED) {
        reader.enter();
        this.#isInPart = true;
      } else reader.skip();
    }
  }
}

/** The wire type of a single value. */
function scalarWireType(encoding: ElementEncoding, elementSize: number): number {
  if (encoding === 'bytes') return WIRE_LENGTH_DELIMITED;
  if (encoding !== 'fixed') return WIRE_VARINT;
  return elementSize === 4 ? WIRE_FIXED32 : WIRE_FIXED64;
}
