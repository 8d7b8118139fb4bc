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
import { BFLOAT16, FLOAT16, fromSmallFloat, type SmallFloat } from '../../core/small-float.ts';
import { elements, type NumericTensor, type Tensor, type TensorMap } from '../../core/tensor.ts';
import type { PredictFormat } from './json-inputs.ts';
import { JsonWriter, type NumberElements, writeFloat64, writeInteger } from './json-writer.ts';

/** Stands for a number of rows: one row that has each output whole. */
const WHOLE = -1;

/** The end of the names of string outputs that are bytes, such as images. */
const BYTES_SUFFIX = '_bytes';

interface Output {
  readonly name: string;
  readonly tensor: Tensor;
  /** The elements; empty for strings. */
  readonly numbers: NumberElements;
  /** Strings are written as {"b64":"…"}. */
  readonly isBase64: boolean;
}

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
    const printed: Output[] = [];
    for (const [name, tensor] of outputs) {
      const numbers = tensor.dtype === 'string' ? [] : numbersOf(tensor);
      printed.push({ name, tensor, numbers, isBase64: name.endsWith(BYTES_SUFFIX) });
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
      this.#elements(output, index, index + 1);
      return;
    }
    const length = shape[level]!;
    const start = index * length;
    this.#writer.ascii('[');
    if (level === shape.length - 1) this.#elements(output, start, start + length);
    else {
      for (let i = start; i < start + length; i++) {
        if (i > start) this.#writer.ascii(',');
        this.#lists(output, level + 1, i);
      }
    }
    this.#writer.ascii(']');
  }

  #elements({ tensor, numbers, isBase64 }: Output, start: number, end: number): void {
    const writer = this.#writer;
    switch (tensor.dtype) {
      case 'float32':
      case 'float16':
      case 'bfloat16':
        writer.float32s(numbers as Float32Array, start, end);
        break;
      case 'float64':
        writer.numbers(writeFloat64, numbers, start, end);
        break;
      case 'int64':
      case 'uint64':
        writer.longs(numbers, start, end);
        break;
      case 'bool':
        writer.booleans(numbers, start, end);
        break;
      case 'string':
        this.#strings(tensor.data, isBase64, start, end);
        break;
      case 'int8':
      case 'int16':
      case 'int32':
      case 'uint8':
      case 'uint16':
      case 'uint32':
        writer.numbers(writeInteger, numbers, start, end);
    }
  }

  #strings(strings: readonly Uint8Array[], isBase64: boolean, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      if (i > start) this.#writer.ascii(',');
      if (isBase64) this.#writer.base64(strings[i]!);
      else this.#writer.string(strings[i]!);
    }
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

/** 16-bit floats as float32, 64-bit integers as two words each (the high one signed for int64), others as they are. */
function numbersOf(tensor: NumericTensor): NumberElements {
  const array = elements(tensor);
  switch (tensor.dtype) {
    case 'float16':
      return widened(FLOAT16, array as Uint16Array);
    case 'bfloat16':
      return widened(BFLOAT16, array as Uint16Array);
    case 'int64':
      return new Int32Array(array.buffer, array.byteOffset, 2 * array.length);
    case 'uint64':
      return new Uint32Array(array.buffer, array.byteOffset, 2 * array.length);
    default:
      return array as Float32Array;
  }
}

/** Every 16-bit float is a float32. */
function widened(format: SmallFloat, patterns: Uint16Array): Float32Array {
  const values = new Float32Array(patterns.length);
  for (let i = 0; i < patterns.length; i++) values[i] = fromSmallFloat(format, patterns[i]!);
  return values;
}
