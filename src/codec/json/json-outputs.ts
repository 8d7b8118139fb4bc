/**
 * Output tensors → the body of a predict answer, in the format of the request:
 *
 *   row        {"predictions":[v0,v1]}               one output: its rows;   several: [{"a":…,"b":…},{"a":…,"b":…}]
 *   columnar   {"outputs":[[…]]}                     one output: its value;  several: {"a":…,"b":…}
 *
 * It is TensorFlow Serving's format without its white space. A string output whose name ends in `_bytes` is written as
 * {"b64":"…"}, any other as text.
 *
 * Row format needs the same dim 0 in every output. TensorFlow Serving refuses other outputs. Here, if one row was sent
 * to a model without a batch axis, its answer has each output whole, as in columnar format:
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
import type { PredictFormat } from './json-inputs.ts';
import { TensorPrinter } from './json-tensor-printer.ts';
import { JsonWriter } from './json-writer.ts';

/** Stands for a number of rows: one row that has each output whole. */
const WHOLE = -1;

export class OutputsPrinter {
  readonly #writer = new JsonWriter();

  /**
   * `unbatchedRows`: the rows that a request in row format sent to a signature without a batch axis; else 0. Throws
   * `invalid_request` if the outputs have no row format.
   */
  print(outputs: TensorMap, format: PredictFormat, unbatchedRows = 0): Buffer {
    if (outputs.size === 0) throw invalidRequest('the signature has no outputs; name another one in "signature_name"');
    const rows = format === 'row' ? commonRows(outputs, unbatchedRows) : 0;
    const writer = this.#writer;
    const printers: TensorPrinter[] = [];
    for (const [name, tensor] of outputs) printers.push(new TensorPrinter(writer, name, tensor));
    writer.clear();
    writer.ascii(format === 'row' ? '{"predictions":' : '{"outputs":');
    if (rows === WHOLE) writer.ascii('[');
    if (printers.length === 1) printers[0]!.print(0, 0);
    else if (format === 'row' && rows !== WHOLE) this.#rows(printers, rows);
    else this.#object(printers, 0, 0);
    writer.ascii(rows === WHOLE ? ']}' : '}');
    return writer.take();
  }

  #rows(printers: readonly TensorPrinter[], rows: number): void {
    this.#writer.ascii('[');
    for (let row = 0; row < rows; row++) {
      if (row > 0) this.#writer.ascii(',');
      this.#object(printers, 1, row);
    }
    this.#writer.ascii(']');
  }

  #object(printers: readonly TensorPrinter[], level: number, index: number): void {
    for (let i = 0; i < printers.length; i++) {
      this.#writer.ascii(i === 0 ? '{' : ',');
      this.#writer.string(Buffer.from(printers[i]!.name, 'utf8'));
      this.#writer.ascii(':');
      printers[i]!.print(level, index);
    }
    this.#writer.ascii('}');
  }
}

function commonRows(outputs: TensorMap, unbatchedRows: number): number {
  let rows: number | undefined;
  let firstName = '';
  for (const [name, { shape }] of outputs) {
    const isRows = shape.length > 0 && (rows === undefined || shape[0] === rows);
    if (!isRows && unbatchedRows === 1) return WHOLE;
    if (shape.length === 0) throw notRows(name, shape, 'a single value', unbatchedRows);
    if (rows === undefined) {
      rows = shape[0]!;
      firstName = name;
    } else if (!isRows) {
      throw notRows(name, shape, `not the ${rows} rows of output ${quoteName(firstName)}`, unbatchedRows);
    }
  }
  return rows!;
}

function notRows(name: string, shape: Shape, what: string, unbatchedRows: number): ServingError {
  const output = `output ${quoteName(name)} has shape ${formatShape(shape)}, ${what}, so it has no row format`;
  const fix = unbatchedRows > 1 ? 'send one instance a request, or "inputs"' : 'send "inputs"';
  return invalidRequest(`${output}; ${fix} instead of "instances"`);
}
