/**
 * A predict body and its signature → input tensors by name: the body is scanned, and read when the signature is known.
 * The rules are TensorFlow Serving's:
 *
 * - Row format, `instances`: a list of rows, at least one. If the first row is an object (but not `{"b64": …}`), all
 *   rows are, and each has exactly the signature's inputs as keys. Else each row is a value or a list for the only
 *   input. All rows have one shape; the tensor's shape is [rows, ...shape].
 *   Rows of a model whose only input has named columns may be objects by these names instead (json-columns.ts).
 * - Columnar format, `inputs`: an object maps names to tensors of any rank; any other value is the tensor of the only
 *   input.
 *
 * Unlike in TensorFlow Serving, an unknown name in columnar `inputs` is an error, as in row format, unless the scanner is
 * told to ignore it. Missing names and shapes are checked later for all surfaces (handlers/check-inputs).
 */
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import type { Signature, TensorSpec } from '../../core/signature.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { CLOSE_ARRAY, CLOSE_OBJECT, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './json-chars.ts';
import { columnedInput, namesWholeInput, nameWholeInput, readColumnedLists, readColumnedRows } from './json-columns.ts';
import type { JsonCursor } from './json-cursor.ts';
import { base64Member, kindOf } from './json-element.ts';
import { gridTensor } from './json-grid.ts';
import { TensorReader } from './json-tensor-reader.ts';
import type { JsonMember, JsonValue, PredictBody, PredictBodyScanner } from './predict-body.ts';

/** The format of a request and its answer. */
export type PredictFormat = 'row' | 'columnar';

/** Throws `invalid_request`. */
export function predictFormat(body: { readonly instances: unknown; readonly inputs: unknown }): PredictFormat {
  if (body.instances === undefined && body.inputs === undefined) {
    throw invalidRequest(
      'the body has neither "instances" (one value a row) nor "inputs" (whole tensors); send one of them',
    );
  }
  if (body.instances !== undefined && body.inputs !== undefined) {
    throw invalidRequest('the body has both "instances" and "inputs"; send only one of them');
  }
  return body.instances === undefined ? 'columnar' : 'row';
}

/** The part of a signature by which values are read. */
export interface InputSpecs {
  readonly inputs: Signature['inputs'];
  /** The inputs that may be left out. */
  readonly defaults?: { has(name: string): boolean } | undefined;
}

/** `body` is the last result of `scanner`. Throws `invalid_request`, or `too_large` for too many strings. */
export function readInputs(scanner: PredictBodyScanner, body: PredictBody, signature: InputSpecs): TensorMap {
  const format = predictFormat(body);
  if (signature.inputs.size === 0) return noInputs(scanner, body);
  return format === 'row'
    ? readRows(scanner, body.instances!, signature)
    : readColumns(scanner, body.inputs!, signature);
}

/** Reads the inputs for a signature that has none, such as one that gives constants. */
function noInputs({ ignoresUnknown }: PredictBodyScanner, { inputs }: PredictBody): TensorMap {
  if (inputs?.members?.length === 0 || (ignoresUnknown && inputs?.members !== undefined)) return new Map();
  throw invalidRequest('the signature has no inputs; send {"inputs": {}}, or name another one in "signature_name"');
}

function readRows(scanner: PredictBodyScanner, value: JsonValue, signature: InputSpecs): TensorMap {
  const { cursor } = scanner;
  cursor.at = value.at;
  if (cursor.bytes[value.at] !== OPEN_ARRAY) {
    throw invalidRequest(`"instances" is ${kindOf(cursor)}; send a list with one element a row`);
  }
  if (!cursor.enter(CLOSE_ARRAY)) throw invalidRequest('"instances" is empty; send at least one row');
  if (cursor.bytes[cursor.at] === OPEN_OBJECT && !isBase64(scanner, cursor.at)) {
    const columned = columnedInput(signature.inputs);
    if (columned === undefined || namesWholeInput(cursor, columned[0])) return readRowObjects(cursor, signature);
    return new Map([[columned[0], readColumnedRows(cursor, columned[1])]]);
  }
  const [name, spec] = onlyInput(signature, '"instances"', 'a list of objects, each with these keys');
  return new Map([[name, readTensor(scanner, value, name, spec, 'instances')]]);
}

/**
 * Rows that are objects: `[{"a": 1, "b": [2, 3]}, {"a": 4, "b": [5, 6]}]` → a tensor for each name. An input that has a
 * default may be left out, in all rows or in none. The cursor is on the first row.
 */
function readRowObjects(cursor: JsonCursor, signature: InputSpecs): TensorMap {
  const readers = new Map<string, TensorReader>();
  for (const [name, spec] of signature.inputs) readers.set(name, new TensorReader(cursor, name, spec));
  const { defaults } = signature;
  const mayLack = (name: string, row: number): boolean => row === 0 && defaults?.has(name) === true;
  let rows = 0;
  do {
    if (cursor.skipSpace() !== OPEN_OBJECT) {
      throw invalidRequest(
        `instances[${rows}] is ${kindOf(cursor)}, but the rows before it are objects; send all rows alike`,
      );
    }
    readRow(cursor, readers, rows++, mayLack);
  } while (cursor.hasNext(CLOSE_ARRAY));
  const tensors = new Map<string, Tensor>();
  for (const [name, reader] of readers) {
    // An input that no row has gets its default.
    if (reader.values > 0) tensors.set(name, withDeclaredDims(reader.tensor([rows]), signature.inputs.get(name)!));
  }
  if (tensors.size === 0)
    throw invalidRequest(`the rows have no key; give at least one of ${listNames(readers.keys())}`);
  return tensors;
}

/**
 * Reads a row that is an object, at the cursor. `readers` have read the rows before it. Throws `invalid_request`; for a
 * missing key unless `mayLack` allows it.
 */
export function readRow(
  cursor: JsonCursor,
  readers: ReadonlyMap<string, TensorReader>,
  row: number,
  mayLack: (name: string, row: number) => boolean,
): void {
  let keys = 0;
  for (let more = cursor.enter(CLOSE_OBJECT); more; more = cursor.hasNext(CLOSE_OBJECT)) {
    const name = cursor.key();
    const reader = readers.get(name);
    if (reader === undefined) throw wrongKeys(readers, row, `has the key ${quoteName(name)}`);
    if (reader.values > row) throw wrongKeys(readers, row, `has the key ${quoteName(name)} twice`);
    if (reader.values < row) throw wrongKeys(readers, row, `has the key ${quoteName(name)}, which rows before it lack`);
    cursor.skipSpace();
    reader.read(`instances[${row}].${name}`);
    keys++;
  }
  if (keys === readers.size) return;
  const missing = [...readers]
    .filter(([name, reader]) => reader.values === row && !mayLack(name, row))
    .map(([name]) => name);
  if (missing.length === 0) return;
  throw wrongKeys(readers, row, `lacks ${listNames(missing)}`);
}

function wrongKeys(readers: ReadonlyMap<string, TensorReader>, row: number, what: string): ServingError {
  return invalidRequest(`instances[${row}] ${what}; give each row exactly the keys ${listNames(readers.keys())}`);
}

function readColumns(scanner: PredictBodyScanner, value: JsonValue, signature: InputSpecs): TensorMap {
  const { members } = value;
  if (members === undefined || isBase64(scanner, value.at, members)) {
    const [name, spec] = onlyInput(signature, '"inputs"', 'an object with these keys');
    return new Map([[name, readTensor(scanner, value, name, spec, 'inputs')]]);
  }
  const columned = columnedInput(signature.inputs);
  if (columned !== undefined && !nameWholeInput(scanner.cursor, members, columned)) {
    return new Map([[columned[0], readColumnedLists(scanner.cursor, members, columned[1])]]);
  }
  const tensors = new Map<string, Tensor>();
  for (const member of members) {
    const { name } = member;
    const spec = signature.inputs.get(name);
    if (spec === undefined) {
      if (scanner.ignoresUnknown) continue;
      throw invalidRequest(
        `"inputs" has the key ${quoteName(name)}, but the signature's inputs are ` +
          `${listNames(signature.inputs.keys())}; leave it out or rename it`,
      );
    }
    if (tensors.has(name)) throw invalidRequest(`"inputs" has the key ${quoteName(name)} twice; send each input once`);
    tensors.set(name, readTensor(scanner, member.value, name, spec, `inputs.${name}`));
  }
  return tensors;
}

function readTensor(
  scanner: PredictBodyScanner,
  value: JsonValue,
  name: string,
  spec: TensorSpec,
  path: string,
): Tensor {
  const grid = value.grid && gridTensor(value.grid, scanner.grids.numbers, spec.dtype);
  if (grid !== undefined) return withDeclaredDims(grid, spec);
  scanner.cursor.at = value.at;
  const reader = new TensorReader(scanner.cursor, name, spec);
  reader.read(path);
  return withDeclaredDims(reader.tensor([]), spec);
}

/**
 * Empty lists tell no dims below them: `[[], []]` is of shape [2,0], or [2,0,16]. Dims that the signature has there as
 * numbers are the tensor's. So is the 1 of a column whose values stand without lists, as records of data frames have them.
 */
export function withDeclaredDims(tensor: Tensor, { shape: declared, isColumn }: TensorSpec): Tensor {
  const { shape } = tensor;
  if (isColumn === true && shape.length === 1 && declared?.length === 2) return { ...tensor, shape: [shape[0]!, 1] };
  if (shape.at(-1) !== 0 || declared === undefined || shape.length >= declared.length) return tensor;
  const below = declared.slice(shape.length);
  return below.includes(-1) ? tensor : { ...tensor, shape: [...shape, ...below] };
}

/** `{"b64": "…"}` is a value, not a map of names. */
function isBase64(scanner: PredictBodyScanner, at: number, members?: readonly JsonMember[]): boolean {
  const { cursor } = scanner;
  if (members !== undefined) {
    return members.length === 1 && members[0]!.name === 'b64' && cursor.bytes[members[0]!.value.at] === QUOTE;
  }
  cursor.at = at;
  return base64Member(cursor) !== undefined;
}

/** The input that plain values are for: the only one, or the only one without a default. Throws `invalid_request`. */
export function onlyInput({ inputs, defaults }: InputSpecs, key: string, want: string): [string, TensorSpec] {
  if (inputs.size === 1) for (const entry of inputs) return entry;
  const needed = [...inputs].filter(([name]) => defaults?.has(name) !== true);
  if (needed.length !== 1 && inputs.size > 0) {
    throw invalidRequest(
      `${key} holds plain values, but the signature has several inputs: ${listNames(inputs.keys())}; send ${want}`,
    );
  }
  for (const entry of needed) return entry;
  throw new Error('a signature without inputs has been refused');
}
