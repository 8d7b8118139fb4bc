/**
 * The values of one Feature (tensorflow/core/example/feature.proto), read in place.
 *
 * In protobuf they may be packed, unpacked or both in turn; the map entry's value may come in several parts, which are
 * merged; a Feature may have lists of several kinds, of which the last one replaces those before. So there are three
 * cheap walks: one for the kind and its first list, one to count, and one for the values.
 *
 *   map entry ┬ key "pixels"
 *             ├ value (Feature) ─ float_list ─ value, packed     ◀ a run
 *             └ value (Feature) ─ float_list ┬ value, one        ◀ a run
 *                                            └ value, packed     ◀ a run
 */
import type { FeatureKind } from '../../../core/feature-spec.ts';
import {
  countVarints,
  type FieldRun,
  nextRun,
  WIRE_FIXED32,
  WIRE_LENGTH_DELIMITED,
  WIRE_VARINT,
  type WireReader,
} from '../../protobuf/wire-reader.ts';

const MAP_VALUE = 2;
const LIST_VALUE = 1;

/** Kinds by field number in Feature. */
const KINDS: readonly (FeatureKind | undefined)[] = [undefined, 'string', 'float32', 'int64'];
const FLOAT_BYTES = 4;

export class FeatureValues implements FieldRun {
  /** The kind of list in the Feature; undefined if there is none. */
  kind: FeatureKind | undefined = undefined;
  count = 0;
  /** The current run: the bytes from `start` to `end`. For strings a run is one string. */
  start = 0;
  end = 0;
  readonly #reader: WireReader;
  #entryStart = 0;
  #entryEnd = 0;
  /** Lists before this offset belong to a kind that was replaced. */
  #from = 0;
  /** The ends of the map entry's value and of the list that the reader is in; 0 = it is in none. */
  #valueEnd = 0;
  #listEnd = 0;

  /** `reader` is moved by this object. */
  constructor(reader: WireReader) {
    this.#reader = reader;
  }

  /** Opens the map entry from `start` to `end`: sets `kind` and `count`, and goes before the first run. */
  open(start: number, end: number): void {
    this.#entryStart = start;
    this.#entryEnd = end;
    this.kind = undefined;
    this.#from = 0;
    this.#rewind();
    while (this.#nextList(true));
    this.count = 0;
    this.#rewind();
    while (this.next()) this.count += this.#countRun();
    this.#rewind();
  }

  #rewind(): void {
    this.#reader.position = this.#entryStart;
    this.#reader.end = this.#entryEnd;
    this.#valueEnd = 0;
    this.#listEnd = 0;
  }

  /** Moves to the next run; false after the last. */
  next(): boolean {
    for (;;) {
      if (this.#listEnd !== 0 && this.#nextInList()) return true;
      if (!this.#nextList(false)) return false;
    }
  }

  /** Enters the next list of this kind. With `isSearch` it only notes the kind of the next list. */
  #nextList(isSearch: boolean): boolean {
    const reader = this.#reader;
    this.#listEnd = 0;
    for (;;) {
      if (this.#valueEnd !== 0) {
        reader.end = this.#valueEnd;
        while (reader.next()) if (this.#enterList(isSearch)) return true;
      }
      reader.end = this.#entryEnd;
      this.#valueEnd = 0;
      if (!reader.next()) return false;
      if (reader.field === MAP_VALUE && reader.wireType === WIRE_LENGTH_DELIMITED) {
        reader.enter();
        this.#valueEnd = reader.end;
      } else reader.skip();
    }
  }

  #enterList(isSearch: boolean): boolean {
    const reader = this.#reader;
    const kind = reader.wireType === WIRE_LENGTH_DELIMITED ? KINDS[reader.field] : undefined;
    if (kind === undefined || (!isSearch && (kind !== this.kind || reader.position < this.#from))) {
      reader.skip();
      return false;
    }
    if (isSearch) {
      if (kind !== this.kind) {
        this.kind = kind;
        this.#from = reader.position;
      }
      reader.skip();
      return true;
    }
    reader.enter();
    this.#listEnd = reader.end;
    return true;
  }

  #nextInList(): boolean {
    const reader = this.#reader;
    reader.end = this.#listEnd;
    if (nextRun(reader, LIST_VALUE, scalarWireType(this.kind!), this)) return true;
    this.#listEnd = 0;
    return false;
  }

  #countRun(): number {
    const { start, end } = this;
    if (this.kind === 'string') return 1;
    if (this.kind === 'int64') return countVarints(this.#reader.bytes, start, end);
    if ((end - start) % FLOAT_BYTES !== 0) {
      throw this.#reader.malformed(`a packed list of floats is ${end - start} bytes long`);
    }
    return (end - start) / FLOAT_BYTES;
  }
}

/** The wire type of a single value. */
function scalarWireType(kind: FeatureKind): number {
  if (kind === 'float32') return WIRE_FIXED32;
  return kind === 'int64' ? WIRE_VARINT : WIRE_LENGTH_DELIMITED;
}
