/**
 * A large predict answer in pieces: text, and slices of outputs to be printed one after the other (printed-slices.ts).
 * Together they are the text that OutputsPrinter writes at once.
 *
 *   {"outputs":[  │ rows 0 to 99 │ , │ rows 100 to 199 │ , … │  ]}
 *
 * A slice has at most SLICE_BYTES of the outputs' memory, or one element.
 */
import type { Buffer } from 'node:buffer';
import { elementCount } from '../../core/shape.ts';
import { byteLengthOf, sliceRows, type Tensor, type TensorMap } from '../../core/tensor.ts';
import type { PredictFormat } from './json-inputs.ts';
import { answerRows, WHOLE } from './json-outputs.ts';

/** Entries that stand side by side in a list. Their text is what is printed of `outputs`, without what is around. */
export interface OutputSlice {
  readonly outputs: TensorMap;
  readonly format: PredictFormat;
}

export type AnswerPiece = string | OutputSlice;

/** Five to ten times as much as text. */
const SLICE_BYTES = 128 * 1024;

/** The bytes that OutputsPrinter writes around the entries of a slice. */
const AROUND: Readonly<Record<PredictFormat, number>> = {
  row: '{"predictions":['.length,
  columnar: '{"outputs":['.length,
};

/** The entries of a printed slice. */
export function entriesOf(printed: Buffer, { format }: OutputSlice): Buffer {
  return printed.subarray(AROUND[format], printed.length - ']}'.length);
}

/** Like OutputsPrinter.print. Throws at once for outputs that cannot be written, and never later. */
export function predictPieces(outputs: TensorMap, format: PredictFormat, sentRows: number): Iterable<AnswerPiece> {
  return piecesOf(outputs, format, answerRows(outputs, format, sentRows));
}

function* piecesOf(outputs: TensorMap, format: PredictFormat, rows: number): Generator<AnswerPiece> {
  yield format === 'row' ? '{"predictions":' : '{"outputs":';
  if (rows === WHOLE) yield '[';
  if (outputs.size === 1) for (const [name, tensor] of outputs) yield* lists(name, tensor);
  else if (format === 'row' && rows !== WHOLE) yield* objects(outputs, rows);
  else yield* object(outputs);
  yield rows === WHOLE ? ']}' : '}';
}

/** A tensor as nested lists. */
export function* lists(name: string, tensor: Tensor): Generator<AnswerPiece> {
  const [length, ...rest] = tensor.shape;
  if (length === undefined) {
    yield slice(name, { ...tensor, shape: [1] });
    return;
  }
  yield '[';
  const bytes = byteLengthOf(tensor);
  const entryBytes = bytes / (length || 1);
  const isCut = entryBytes > SLICE_BYTES && rest.length > 0;
  const step = isCut ? 1 : stepOf(entryBytes);
  for (let at = 0; at < length; at += step) {
    if (at > 0) yield ',';
    const entries = sliceRows(tensor, at, Math.min(length, at + step));
    if (isCut) yield* lists(name, { ...entries, shape: rest });
    else yield slice(name, entries);
  }
  yield ']';
}

/** Rows of several outputs: a list of objects. */
function* objects(outputs: TensorMap, rows: number): Generator<AnswerPiece> {
  yield '[';
  let rowBytes = 0;
  for (const tensor of outputs.values()) rowBytes += byteLengthOf(tensor) / (rows || 1);
  const isCut = rowBytes > SLICE_BYTES;
  const step = isCut ? 1 : stepOf(rowBytes);
  for (let at = 0; at < rows; at += step) {
    if (at > 0) yield ',';
    const end = Math.min(rows, at + step);
    const some = new Map([...outputs].map(([name, tensor]) => [name, sliceRows(tensor, at, end)]));
    if (!isCut) yield { outputs: some, format: 'row' };
    else yield* object(new Map([...some].map(([name, row]) => [name, { ...row, shape: row.shape.slice(1) }])));
  }
  yield ']';
}

function* object(outputs: TensorMap): Generator<AnswerPiece> {
  let before = '{';
  for (const [name, tensor] of outputs) {
    yield `${before}${JSON.stringify(name)}:`;
    yield* lists(name, tensor);
    before = ',';
  }
  yield '}';
}

function slice(name: string, tensor: Tensor): OutputSlice {
  return { outputs: new Map([[name, tensor]]), format: 'columnar' };
}

/** Entries of a slice: strings of no bytes are objects all the same. */
function stepOf(entryBytes: number): number {
  return Math.max(1, Math.floor(SLICE_BYTES / Math.max(entryBytes, LEAST_BYTES)));
}

const LEAST_BYTES = 4;

/** The elements of a tensor as one list. */
export function flat(tensor: Tensor): Generator<AnswerPiece> {
  return lists('', { ...tensor, shape: [elementCount(tensor.shape)] });
}
