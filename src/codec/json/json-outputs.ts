/**
 * Output tensors → the body of a predict answer, in the format of the request:
 *
 *   row        {"predictions":[v0,v1]}               one output: its rows;   several: [{"a":…,"b":…},{"a":…,"b":…}]
 *   columnar   {"outputs":[[…]]}                     one output: its value;  several: {"a":…,"b":…}
 *
 * It is TensorFlow Serving's format without its white space. A string output whose name ends in `_bytes` is written as
 * {"b64":"…"}, any other as text.
 *
 * Row format needs the same dim 0 in every output. TensorFlow Serving refuses other outputs. Here, if one row was sent,
 * its answer has each output whole, as in columnar format:
 *
 *   {"predictions":[v]}   one output;   several: {"predictions":[{"a":…,"b":…}]}
 *
 * One printer serves many answers, one after the other.
 */
import { Buffer } from 'node:buffer';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { formatShape, type Shape } from '../../core/shape.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { numbersOf, type PrintedElements, writeElements } from './json-elements-writer.ts';
import type { PredictFormat } from './json-inputs.ts';
import { JsonWriter } from './json-writer.ts';

/** Stands for a number of rows: one row that has each output whole. */
export const WHOLE = -1;

/** The end of the names of string outputs that are bytes, such as images. */
const BYTES_SUFFIX = '_bytes';

interface Output extends PrintedElements {
  readonly name: string;
}

export class OutputsPrinter {
  readonly #writer = new JsonWriter();

  /**
   * `sentRows`: the rows that a request in row format sent; 0 = not known. Throws `invalid_request` if the outputs have
   * no row format.
   */
  print(outputs: TensorMap, format: PredictFormat, sentRows = 0): Buffer {
    const rows = answerRows(outputs, format, sentRows);
    const writer = this.#writer;
    // A list that grows has room for 17 from its first element on.
    const printed = new Array<Output>(outputs.size);
    let index = 0;
    for (const [name, tensor] of outputs) {
      printed[index++] = { name, tensor, numbers: numbersOf(tensor), isBase64: name.endsWith(BYTES_SUFFIX) };
    }
    writer.clear();
    writer.ascii(format === 'row' ? '{"predictions":' : '{"outputs":');
    if (rows === WHOLE) writer.ascii('[');
    if (printed.length === 1) this.#lists(printed[0]!, 0, 0);
    else if (format === 'row' && rows !== WHOLE) this.#rows(printed, rows);
    else this.#object(printed, 0, 0);
    writer.ascii(rows === WHOLE ? ']}' : '}');
    return writer.take();
  }

  #rows(outputs: readonly Output[], rows: number): void {
    this.#writer.ascii('[');
    for (let row = 0; row < rows; row++) {
      if (row > 0) this.#writer.ascii(',');
      this.#object(outputs, 1, row);
    }
    this.#writer.ascii(']');
  }

  #object(outputs: readonly Output[], level: number, index: number): void {
    for (let i = 0; i < outputs.length; i++) {
      this.#writer.ascii(i === 0 ? '{' : ',');
      this.#writer.string(Buffer.from(outputs[i]!.name, 'utf8'));
      this.#writer.ascii(':');
      this.#lists(outputs[i]!, level, index);
    }
    this.#writer.ascii('}');
  }

  /**
   * Writes the `index`th of an output's lists (or elements) at `level`. A list of the innermost level is written in one
   * loop for its dtype.
   *
   *   level 0        1          2            #lists(output, 1, 1) writes [[5,6],[7,8]] of
   *        [ [[1,2],[3,4]], [[5,6],[7,8]] ]  a tensor of shape [2,2,2]
   */
  #lists(output: Output, level: number, index: number): void {
    const { shape } = output.tensor;
    if (level === shape.length) {
      writeElements(this.#writer, output, index, index + 1);
      return;
    }
    const length = shape[level]!;
    const start = index * length;
    this.#writer.ascii('[');
    if (level === shape.length - 1) writeElements(this.#writer, output, start, start + length);
    else {
      for (let i = start; i < start + length; i++) {
        if (i > start) this.#writer.ascii(',');
        this.#lists(output, level + 1, i);
      }
    }
    this.#writer.ascii(']');
  }
}

/**
 * The rows of an answer in row format, or WHOLE; 0 in columnar format. Throws `invalid_request` if the outputs have no row
 * format, or there are none.
 */
export function answerRows(outputs: TensorMap, format: PredictFormat, sentRows: number): number {
  if (outputs.size === 0) throw invalidRequest('the signature has no outputs; name another one in "signature_name"');
  return format === 'row' ? commonRows(outputs, sentRows) : 0;
}

function commonRows(outputs: TensorMap, sentRows: number): number {
  let rows: number | undefined;
  let firstName = '';
  for (const [name, { shape }] of outputs) {
    const isRows = shape.length > 0 && (rows === undefined || shape[0] === rows);
    if (!isRows && sentRows === 1) return WHOLE;
    if (shape.length === 0) throw notRows(name, shape, 'a single value', sentRows);
    if (rows === undefined) {
      rows = shape[0]!;
      firstName = name;
    } else if (!isRows) {
      throw notRows(name, shape, `not the ${rows} rows of output ${quoteName(firstName)}`, sentRows);
    }
  }
  return rows!;
}

function notRows(name: string, shape: Shape, what: string, sentRows: number): ServingError {
  const output = `output ${quoteName(name)} has shape ${formatShape(shape)}, ${what}, so it has no row format`;
  const fix = sentRows > 1 ? 'send one instance a request, or "inputs"' : 'send "inputs"';
  return invalidRequest(`${output}; ${fix} instead of "instances"`);
}
