/**
 * Rows by the names of their columns → the one input of a model that has such columns (core/columns/columns.ts):
 *
 *   by rows      "instances": [{"age": 33, "city": "Oslo"}, {"age": null, "city": "Rome"}]     df.to_dict("records")
 *   by columns   "inputs": {"age": [33, null], "city": ["Oslo", "Rome"]}                       df.to_dict("list")
 *
 *   ──▶ [[33, 1], [NaN, 2]]      of the input's dtype; a category becomes its code
 *
 * Every row has every column: a missing value is null, so that a name that was mistyped is no missing value.
 */
import { type CategoryCodes, type ColumnIndex, columnIndex } from '../../core/columns/columns.ts';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import type { TensorSpec } from '../../core/signature.ts';
import { numericTensor, type Tensor } from '../../core/tensor.ts';
import { CLOSE_ARRAY, CLOSE_OBJECT, LOWER_T, OPEN_ARRAY, OPEN_OBJECT } from './json-chars.ts';
import type { JsonCursor } from './json-cursor.ts';
import { kindOf } from './json-element.ts';

/** An input that has columns. */
type ColumnedSpec = TensorSpec & Required<Pick<TensorSpec, 'columns'>>;

/** The only input, if it has columns. */
export function columnedInput(inputs: ReadonlyMap<string, TensorSpec>): [string, ColumnedSpec] | undefined {
  if (inputs.size !== 1) return undefined;
  for (const [name, spec] of inputs) {
    const { columns, shape } = spec;
    if (columns !== undefined && shape?.length === 2 && shape[1] === columns.list.length) {
      return [name, spec as ColumnedSpec];
    }
  }
  return undefined;
}

/** Whether the object at the cursor, which stays, names the whole input and not a column: `{"features": [33, 1]}`. */
export function namesWholeInput(cursor: JsonCursor, input: string): boolean {
  const { at } = cursor;
  const isWhole = cursor.enter(CLOSE_OBJECT) && cursor.key() === input && cursor.skipSpace() === OPEN_ARRAY;
  cursor.at = at;
  return isWhole;
}

/**
 * The same of the members of `inputs`: `{"features": [[33, 1]]}`. Where a column has that name, too, a list of lists alone is
 * the whole input.
 */
export function nameWholeInput(
  cursor: JsonCursor,
  members: readonly ColumnMember[],
  [input, { columns }]: readonly [name: string, ColumnedSpec],
): boolean {
  if (!members.some(({ name }) => name === input)) return false;
  if (columnIndex(columns).placeOf(input) === undefined) return true;
  if (members.length > 1) return false;
  cursor.at = members[0]!.value.at;
  return cursor.skipSpace() === OPEN_ARRAY && cursor.enter(CLOSE_ARRAY) && cursor.skipSpace() === OPEN_ARRAY;
}

/** The rows of `instances`; the cursor is on the first one, an object. Throws `invalid_request`. */
export function readColumnedRows(cursor: JsonCursor, spec: ColumnedSpec): Tensor {
  const reader = new RowReader(cursor, spec);
  let rows = 0;
  do {
    if (cursor.skipSpace() !== OPEN_OBJECT) {
      throw invalidRequest(
        `instances[${rows}] is ${kindOf(cursor)}, but the rows before it are objects; send all rows alike`,
      );
    }
    reader.read(rows++);
  } while (cursor.hasNext(CLOSE_ARRAY));
  return reader.values.tensor([rows, spec.columns.list.length]);
}

class RowReader {
  readonly values: ColumnValues;
  readonly #cursor: JsonCursor;
  readonly #spec: ColumnedSpec;
  readonly #index: ColumnIndex;
  /** The row in which a column stood last; -1 = in none. */
  readonly #lastRow: Int32Array;

  constructor(cursor: JsonCursor, spec: ColumnedSpec) {
    this.#cursor = cursor;
    this.#spec = spec;
    this.#index = columnIndex(spec.columns);
    this.#lastRow = new Int32Array(spec.columns.list.length).fill(-1);
    this.values = new ColumnValues(cursor, spec, this.#index);
  }

  read(row: number): void {
    const cursor = this.#cursor;
    const lastRow = this.#lastRow;
    const start = row * lastRow.length;
    const where = (): string => `instances[${row}]`;
    this.values.reserve(start + lastRow.length);
    let seen = 0;
    for (let more = cursor.enter(CLOSE_OBJECT); more; more = cursor.hasNext(CLOSE_OBJECT)) {
      const name = cursor.key();
      const place = this.#index.placeOf(name);
      if (place === undefined) throw unknownColumn(where(), name, this.#index);
      if (lastRow[place] === row) throw invalidRequest(`${where()} has the key ${quoteName(name)} twice; send it once`);
      lastRow[place] = row;
      cursor.skipSpace();
      this.values.read(start + place, place, where);
      seen++;
    }
    if (seen < lastRow.length) throw lacks(where(), this.#index, (place) => lastRow[place] === row, this.#spec);
  }
}

/** A member of `inputs`, by the offset of its value. */
interface ColumnMember {
  readonly name: string;
  readonly value: { readonly at: number };
}

/**
 * The columns of `inputs`, all of one length. Throws `invalid_request`. They are kept one after the other until all are
 * known to be there: so memory grows with what was sent.
 */
export function readColumnedLists(cursor: JsonCursor, members: readonly ColumnMember[], spec: ColumnedSpec): Tensor {
  const index = columnIndex(spec.columns);
  const values = new ColumnValues(cursor, spec, index);
  /** The places of the columns in the order in which they were sent. */
  const places: number[] = [];
  const seen = new Set<number>();
  let rows = -1;
  for (const { name, value } of members) {
    const place = index.placeOf(name);
    if (place === undefined) throw unknownColumn('"inputs"', name, index);
    if (seen.has(place)) throw invalidRequest(`"inputs" has the key ${quoteName(name)} twice; send it once`);
    cursor.at = value.at;
    const count = readList(values, cursor, { name, place, start: seen.size * Math.max(rows, 0) });
    if (rows !== -1 && count !== rows) throw unequal(name, count, members[0]!.name, rows);
    rows = count;
    seen.add(place);
    places.push(place);
  }
  const width = spec.columns.list.length;
  if (seen.size < width) throw lacks('"inputs"', index, (place) => seen.has(place), spec);
  return values.transposed(rows, places);
}

function readList(
  values: ColumnValues,
  cursor: JsonCursor,
  { name, place, start }: { readonly name: string; readonly place: number; readonly start: number },
): number {
  if (cursor.skipSpace() !== OPEN_ARRAY) {
    throw invalidRequest(`inputs.${name} is ${kindOf(cursor)}; send a list with a value for each row`);
  }
  let row = 0;
  for (let more = cursor.enter(CLOSE_ARRAY); more; more = cursor.hasNext(CLOSE_ARRAY)) {
    cursor.skipSpace();
    values.reserve(start + row + 1);
    values.read(start + row, place, () => `inputs.${name}[${row}]`);
    row++;
  }
  return row;
}

function unequal(name: string, has: number, first: string, rows: number): ServingError {
  return invalidRequest(
    `inputs.${name} has ${has} values, but inputs.${first} has ${rows}; send a value for each row in every column`,
  );
}

function unknownColumn(where: string, name: string, { columns }: ColumnIndex): ServingError {
  const names = listNames(columns.list.map((column) => column.name));
  return invalidRequest(`${where} has the key ${quoteName(name)}, which is no feature of the model; it has ${names}`);
}

function lacks(
  where: string,
  { columns }: ColumnIndex,
  has: (place: number) => boolean,
  { takesMissing }: TensorSpec,
): ServingError {
  const missing = columns.list.filter((_, place) => !has(place)).map(({ name }) => name);
  const fix = takesMissing === true ? '; send it, or null where its value is missing' : '; send it';
  return invalidRequest(`${where} lacks ${listNames(missing)}${fix}`);
}

/** The elements, row by row, as doubles: a float32 is its double rounded once. */
class ColumnValues {
  readonly #cursor: JsonCursor;
  readonly #spec: ColumnedSpec;
  readonly #index: ColumnIndex;
  #values = new Float64Array(16);

  constructor(cursor: JsonCursor, spec: ColumnedSpec, index: ColumnIndex) {
    this.#cursor = cursor;
    this.#spec = spec;
    this.#index = index;
  }

  reserve(count: number): void {
    if (count <= this.#values.length) return;
    const grown = new Float64Array(Math.max(count, 2 * this.#values.length));
    grown.set(this.#values);
    this.#values = grown;
  }

  /** Reads the value at the cursor, of the column at `place`, to element `at`. */
  read(at: number, place: number, where: () => string): void {
    this.#values[at] = this.#value(place, where);
  }

  tensor(shape: readonly [number, number], values = this.#values.subarray(0, shape[0] * shape[1])): Tensor {
    const { dtype } = this.#spec;
    if (dtype === 'float64') return numericTensor(dtype, shape, values);
    return numericTensor('float32', shape, Float32Array.from(values));
  }

  /** The same of columns that stand one after the other, in the order of `places`. */
  transposed(rows: number, places: readonly number[]): Tensor {
    const width = places.length;
    const values = new Float64Array(rows * width);
    for (const [i, place] of places.entries()) {
      for (let row = 0; row < rows; row++) values[row * width + place] = this.#values[i * rows + row]!;
    }
    return this.tensor([rows, width], values);
  }

  #value(place: number, where: () => string): number {
    const cursor = this.#cursor;
    const kind = kindOf(cursor);
    const codes = this.#index.codesOf(place);
    if (kind === 'null') {
      cursor.skipValue();
      if (this.#spec.takesMissing === true) return Number.NaN;
      throw this.#fail(where, place, 'null', 'send a number; the model takes no missing values');
    }
    if (kind === 'a list' || kind === 'an object') throw this.#fail(where, place, kind, 'send one value');
    const value = this.#scalar(kind);
    if (typeof value === 'number' && (codes === undefined || Number.isNaN(value))) return value;
    if (typeof value === 'number' && codes?.takesNumbers === false) {
      const why = 'a number could be a code or a category of the column; send the category as it was in the training';
      throw this.#fail(where, place, String(value), why);
    }
    if (codes !== undefined) return codes.of(value) ?? this.#unknown(where, place, value, codes);
    // Data frames have columns of booleans, which both libraries take as 0 and 1.
    if (typeof value === 'boolean') return Number(value);
    const why = this.#index.columns.list[place]!.whyCodes;
    throw this.#fail(where, place, JSON.stringify(value).slice(0, 60), why ?? 'the column holds numbers; send one');
  }

  #scalar(kind: string): string | number | boolean {
    const cursor = this.#cursor;
    const { at, bytes } = cursor;
    if (kind === 'a string') return cursor.string();
    cursor.skipValue();
    if (kind === 'a boolean') return bytes[at] === LOWER_T;
    return Number(cursor.text(at, cursor.at).replace(/^(-?)Inf$/, '$1Infinity'));
  }

  #unknown(where: () => string, place: number, value: string | number | boolean, codes: CategoryCodes): number {
    if (this.#index.columns.unknownCategory === 'missing') return Number.NaN;
    const known = listNames([...codes].map(String));
    throw this.#fail(
      where,
      place,
      JSON.stringify(value).slice(0, 60),
      `the training had the categories ${known}; send one of these${this.#spec.takesMissing === true ? ', or null' : ''}`,
    );
  }

  #fail(where: () => string, place: number, is: string, fix: string): ServingError {
    const { name } = this.#index.columns.list[place]!;
    return invalidRequest(`${where()}: ${quoteName(name)} is ${is}, but ${fix}`);
  }
}
