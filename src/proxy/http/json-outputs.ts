/**
 * Output tensors → the body of a predict answer, in the layout of the request:
 *
 *   row        {"predictions":[v0,v1]}               one output: its rows;   several: [{"a":…,"b":…},{"a":…,"b":…}]
 *   columnar   {"outputs":[[…]]}                     one output: its value;  several: {"a":…,"b":…}
 *
 * As TensorFlow Serving, but without its white space. A string output whose name ends in `_bytes` is written as
 * {"b64":"…"}, any other as text. Row format wants a batch: every output with dim 0, and the same.
 *
 * One printer serves many answers, one after the other.
 */
import { Buffer } from 'node:buffer';
import { ServingError } from '../../core/errors.ts';
import { formatShape } from '../../core/shape.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { quoteName } from '../handlers/list-names.ts';
import type { PredictFormat } from './json-inputs.ts';
import { TensorPrinter } from './json-tensor-printer.ts';
import { JsonWriter } from './json-writer.ts';

export class OutputsPrinter {
  readonly #writer = new JsonWriter();

  /** Throws `invalid_request` where the outputs have no row format. */
  print(outputs: TensorMap, format: PredictFormat): Buffer {
    if (outputs.size === 0) throw invalid('the signature has no outputs; name another one in "signature_name"');
    const rows = format === 'row' ? commonRows(outputs) : 0;
    const writer = this.#writer;
    const printers: TensorPrinter[] = [];
    for (const [name, tensor] of outputs) printers.push(new TensorPrinter(writer, name, tensor));
    writer.clear();
    writer.ascii(format === 'row' ? '{"predictions":' : '{"outputs":');
    if (printers.length === 1) printers[0]!.print(0, 0);
    else if (format === 'row') this.#rows(printers, rows);
    else this.#object(printers, 0, 0);
    writer.ascii('}');
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

function commonRows(outputs: TensorMap): number {
  let rows: number | undefined;
  let firstName = '';
  for (const [name, { shape }] of outputs) {
    if (shape.length === 0) {
      throw invalid(
        `output ${quoteName(name)} is a single value, which has no rows; send "inputs" instead of "instances"`,
      );
    }
    if (rows === undefined) {
      rows = shape[0]!;
      firstName = name;
    } else if (shape[0] !== rows) {
      throw invalid(
        `output ${quoteName(name)} has shape ${formatShape(shape)}, but output ${quoteName(firstName)} has ${rows} rows; send "inputs" instead of "instances"`,
      );
    }
  }
  return rows!;
}

function invalid(message: string): ServingError {
  return new ServingError('invalid_request', message);
}
