/**
 * Row format with several named inputs: `[{"a": 1, "b": [2, 3]}, {"a": 4, "b": [5, 6]}]` → a tensor for each name.
 * Every row has exactly the signature's inputs as keys, each once, and each input has one shape in all rows. An input
 * that has a default may be left out, of all rows or of none.
 */
import { ServingError } from '../../core/errors.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import type { Signature } from '../../core/signature.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { CLOSE_ARRAY, CLOSE_OBJECT, OPEN_OBJECT } from './json-chars.ts';
import type { JsonCursor } from './json-cursor.ts';
import { kindOf } from './json-element.ts';
import { stringText } from './json-string.ts';
import { TensorReader } from './json-tensor-reader.ts';

/** The cursor is on the first row, which is an object, of a list whose syntax has been checked. */
export function readRowObjects(cursor: JsonCursor, signature: Signature): TensorMap {
  const readers = new Map<string, TensorReader>();
  for (const [name, spec] of signature.inputs) readers.set(name, new TensorReader(cursor, name, spec));
  const { defaults } = signature;
  const mayLack = (name: string): boolean => defaults?.has(name) === true;
  let rows = 0;
  do {
    if (cursor.skipSpace() !== OPEN_OBJECT) {
      throw invalid(`instances[${rows}] is ${kindOf(cursor)}, but the rows before it are objects; send all rows alike`);
    }
    readRow(cursor, readers, rows++, mayLack);
  } while (cursor.hasNext(CLOSE_ARRAY));
  const tensors = new Map<string, Tensor>();
  for (const [name, reader] of readers) {
    // What no row has is left to the default.
    if (reader.values > 0) tensors.set(name, reader.tensor([rows]));
  }
  if (tensors.size === 0) throw invalid(`the rows have no key; give at least one of ${listNames(readers.keys())}`);
  return tensors;
}

function readRow(
  cursor: JsonCursor,
  readers: ReadonlyMap<string, TensorReader>,
  row: number,
  mayLack: (name: string) => boolean,
): void {
  cursor.at++;
  let keys = 0;
  if (cursor.skipSpace() === CLOSE_OBJECT) cursor.at++;
  else {
    do {
      cursor.skipSpace();
      const start = cursor.at + 1;
      cursor.skipString();
      const name = stringText(cursor.bytes, start, cursor.at - 1);
      cursor.expectColon();
      const reader = readers.get(name);
      if (reader === undefined) throw wrongKeys(readers, row, `has the key ${quoteName(name)}`);
      if (reader.values > row) throw wrongKeys(readers, row, `has the key ${quoteName(name)} twice`);
      if (reader.values < row)
        throw wrongKeys(readers, row, `has the key ${quoteName(name)}, which rows before it lack`);
      cursor.skipSpace();
      reader.read(`instances[${row}].${name}`);
      keys++;
    } while (cursor.hasNext(CLOSE_OBJECT));
  }
  if (keys === readers.size) return;
  const missing = [...readers]
    .filter(([name, reader]) => reader.values === row && !(row === 0 && mayLack(name)))
    .map(([name]) => name);
  if (missing.length === 0) return;
  throw wrongKeys(readers, row, `lacks ${listNames(missing)}`);
}

function wrongKeys(readers: ReadonlyMap<string, TensorReader>, row: number, what: string): ServingError {
  return invalid(`instances[${row}] ${what}; give each row exactly the keys ${listNames(readers.keys())}`);
}

function invalid(message: string): ServingError {
  return new ServingError('invalid_request', message);
}
