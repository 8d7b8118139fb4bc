/**
 * Rows of one request that differ in length, as texts do:
 *
 *   "instances": [[5, 7, 2], [4], [9, 1, 3]]   ──▶   rows 0 and 2: [[5, 7, 2], [9, 1, 3]]     row 1: [[4]]
 *
 * A tensor has rows of one shape, so rows are read by themselves and stacked with those of their shapes. It is done for
 * models alone of which it is proved that requests of different lengths may share a run.
 */
import { Buffer } from 'node:buffer';
import { invalidRequest, ServingError } from '../../core/errors.ts';
import type { TensorSpec } from '../../core/signature.ts';
import { sliceRows, type Tensor, type TensorMap } from '../../core/tensor.ts';
import type { AnswerPiece } from './answer-slices.ts';
import { CLOSE_ARRAY, OPEN_OBJECT } from './json-chars.ts';
import type { JsonCursor } from './json-cursor.ts';
import { kindOf } from './json-element.ts';
import { type InputSpecs, onlyInput, readInputs, readRow, withDeclaredDims } from './json-inputs.ts';
import { answerRows } from './json-outputs.ts';
import { TensorReader, UNEQUAL } from './json-tensor-reader.ts';
import type { PredictBody, PredictBodyScanner } from './predict-body.ts';

/** Rows that have the same shapes. */
export interface RowGroup {
  /** Their places in the request, ascending. */
  readonly rows: readonly number[];
  readonly inputs: TensorMap;
}

/** The rows of a request in row format differ in length, and nothing else has been found wrong yet. */
export function areUnequal(error: unknown): boolean {
  return error instanceof ServingError && error.attributes?.['reason'] === UNEQUAL;
}

/** A row of the signature may have any length. */
export function mayDiffer({ inputs }: InputSpecs): boolean {
  return [...inputs.values()].some(({ shape = [] }: TensorSpec) => shape.slice(1).includes(-1));
}

/** One group, where the rows have one shape. Throws as `readInputs`. */
export function readGroups(scanner: PredictBodyScanner, body: PredictBody, specs: InputSpecs): readonly RowGroup[] {
  try {
    const inputs = readInputs(scanner, body, specs);
    const count = inputs.values().next().value?.shape[0] ?? 0;
    return [{ rows: Array.from({ length: count }, (_, row) => row), inputs }];
  } catch (error) {
    if (body.instances === undefined || !areUnequal(error)) throw error;
    return unequalRows(scanner, body.instances.at, specs);
  }
}

/** The groups in the order of their first rows; plain rows are those of the only input. Throws `invalid_request`. */
export function unequalRows({ cursor }: PredictBodyScanner, at: number, specs: InputSpecs): readonly RowGroup[] {
  const groups = new Map<string, { readonly rows: number[]; readonly inputs: TensorMap[] }>();
  const mayLack = (name: string): boolean => specs.defaults?.has(name) === true;
  let row = 0;
  let areObjects: boolean | undefined;
  cursor.at = at;
  for (let more = cursor.enter(CLOSE_ARRAY); more; more = cursor.hasNext(CLOSE_ARRAY), row++) {
    const readers = new Map([...specs.inputs].map(([name, spec]) => [name, new TensorReader(cursor, name, spec)]));
    for (const reader of readers.values()) reader.values = row;
    const isObject = cursor.skipSpace() === OPEN_OBJECT;
    areObjects ??= isObject;
    if (isObject !== areObjects) throw notAlike(cursor, row, areObjects);
    if (isObject) readRow(cursor, readers, row, mayLack);
    else readers.get(onlyInput(specs, '"instances"', 'objects')[0])!.read(`instances[${row}]`);
    const read = [...readers].filter(([, reader]) => reader.values > row);
    const inputs = new Map(
      read.map(([name, reader]) => [name, withDeclaredDims(reader.tensor([1]), specs.inputs.get(name)!)]),
    );
    const key = [...inputs].map(([name, { shape }]) => `${name}:${shape}`).join();
    const group = groups.get(key) ?? { rows: [], inputs: [] };
    groups.set(key, group);
    group.rows.push(row);
    group.inputs.push(inputs);
  }
  return [...groups.values()].map(({ rows, inputs }) => ({ rows, inputs: stacked(inputs) }));
}

function notAlike(cursor: JsonCursor, row: number, areObjects: boolean): ServingError {
  const others = areObjects ? 'objects' : 'no objects';
  return invalidRequest(
    `instances[${row}] is ${kindOf(cursor)}, but the rows before it are ${others}; send all rows alike`,
  );
}

/** Rows of the same names and shapes as one tensor of each name. */
function stacked(rows: readonly TensorMap[]): TensorMap {
  const [first] = rows;
  if (rows.length === 1) return first!;
  return new Map(
    [...first!].map(([name, tensor]) => [
      name,
      stackOf(
        tensor,
        rows.map((each) => each.get(name)!),
      ),
    ]),
  );
}

function stackOf(first: Tensor, rows: readonly Tensor[]): Tensor {
  const shape = first.shape.with(0, rows.length);
  if (first.dtype === 'string') {
    return { dtype: 'string', shape, data: rows.flatMap(({ data }) => data as readonly Uint8Array[]) };
  }
  return { dtype: first.dtype, shape, data: Buffer.concat(rows.map(({ data }) => data as Uint8Array)) };
}

/** The outputs of a group. */
export interface AnsweredGroup {
  readonly rows: readonly number[];
  readonly outputs: TensorMap;
}

/**
 * The answer in row format, in the order of the request's rows. Throws `invalid_request` at once for outputs that have no
 * rows, and never later.
 */
export function groupedPieces(groups: readonly AnsweredGroup[]): Iterable<AnswerPiece> {
  const places: (readonly [TensorMap, number])[] = [];
  for (const { rows, outputs } of groups) {
    if (answerRows(outputs, 'row', 2) !== rows.length) {
      throw invalidRequest('an output has other rows than the request; send rows of one length each by itself');
    }
    for (const [i, row] of rows.entries()) places[row] = [outputs, i];
  }
  return piecesOf(places);
}

function* piecesOf(places: readonly (readonly [TensorMap, number])[]): Generator<AnswerPiece> {
  for (const [row, [outputs, i]] of places.entries()) {
    yield row === 0 ? '{"predictions":[' : ',';
    const ofRow = [...outputs].map(([name, tensor]) => [name, sliceRows(tensor, i, i + 1)] as const);
    yield { outputs: new Map(ofRow), format: 'row' };
  }
  yield ']}';
}
