/**
 * One feature of all examples of a request, gathered into the tensor of its input.
 *
 * Memory is charged to the request's budget before it is allocated: with defaults and padding a few bytes of examples
 * may ask for much. Past the budget the request is `too_large`.
 */
import { isUtf8 } from 'node:buffer';
import { bytesPerElement, type DType, type TypedArray, typedArrayOf } from '../../../core/dtype.ts';
import { invalidRequest, ServingError } from '../../../core/errors.ts';
import { elementsPerRow, type FeatureSpec, isPadded } from '../../../core/feature-spec.ts';
import { quoteName } from '../../../core/list-names.ts';
import { formatShape, type Shape } from '../../../core/shape.ts';
import { BFLOAT16, FLOAT16, toSmallFloat } from '../../../core/small-float.ts';
import type { NumericTensor, Tensor } from '../../../core/tensor.ts';
import type { WireReader } from '../../protobuf/wire-reader.ts';
import { STRING_ELEMENT_BYTES, type TensorBudget } from '../tensor-proto/tensor-budget.ts';
import type { FeatureValues } from './feature-values.ts';

const TWO_TO_32 = 2 ** 32;

/** The least and the most of narrower integers. */
const RANGES: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint8: [0, 255],
  uint16: [0, 65535],
  uint32: [0, 2 ** 32 - 1],
};

/** The place of a feature in a request; error texts name it by `toString`. */
export class FeaturePlace {
  example = 0;
  feature = '';
  readonly #signatureName: string;

  constructor(signatureName: string) {
    this.#signatureName = signatureName;
  }

  toString(): string {
    return `signature ${quoteName(this.#signatureName)}: feature ${quoteName(this.feature)} of example ${this.example}`;
  }
}

export class FeatureColumn {
  readonly spec: FeatureSpec;
  readonly #examples: number;
  readonly #budget: TensorBudget;
  readonly #perRow: number;
  readonly #isPadded: boolean;
  /** The rows of each example, if they may differ. */
  readonly #rows: number[] = [];
  #numbers: TypedArray | undefined;
  /** The bytes of `#numbers`, and its 32-bit words if an element is 64 bits. */
  #bytes: Uint8Array = new Uint8Array(0);
  #words: Uint32Array = new Uint32Array(0);
  readonly #strings: Uint8Array[] = [];
  /** The elements added so far. */
  #length = 0;
  #capacity = 0;

  constructor(spec: FeatureSpec, examples: number, budget: TensorBudget) {
    this.spec = spec;
    this.#examples = examples;
    this.#budget = budget;
    this.#perRow = elementsPerRow(spec);
    this.#isPadded = isPadded(spec);
    if (!this.#isPadded) this.#grow(examples * this.#perRow);
  }

  /** Adds an example without the feature, or with an empty one. `what` is for error texts. */
  missing(what: FeaturePlace): void {
    const { filler } = this.spec;
    if (this.#isPadded) this.#rows.push(0);
    else if (filler !== undefined) this.#append(filler);
    else throw invalidRequest(`${what} is missing and has no default; send ${this.#wants()}`);
  }

  /** Adds the next example's values. */
  add(values: FeatureValues, reader: WireReader, what: FeaturePlace): void {
    this.#checkKind(values, what);
    const { count } = values;
    if (this.#isPadded) {
      if (this.#perRow === 0 || count % this.#perRow !== 0) throw this.#wrongCount(count, what);
      this.#rows.push(count / this.#perRow);
      this.#grow(this.#length + count);
    } else if (count !== this.#perRow) throw this.#wrongCount(count, what);
    while (values.next()) {
      if (values.kind === 'string') this.#addString(reader.view(values.start, values.end), what);
      else if (values.kind === 'float32') this.#addFloats(reader, values.start, values.end);
      else this.#addIntegers(reader, values.start, values.end, what);
    }
  }

  /** The tensor of all examples. */
  tensor(): Tensor {
    if (this.#isPadded) return this.#padded();
    const { dtype } = this.spec;
    const shape = [this.#examples, ...this.spec.shape];
    if (dtype === 'string') return { dtype, shape, data: this.#strings };
    return { dtype, shape, data: this.#bytes };
  }

  #checkKind({ kind }: FeatureValues, what: FeaturePlace): void {
    const wanted = this.spec.kind;
    if (kind === wanted || (wanted === 'float32' && kind === 'int64')) return;
    throw invalidRequest(`${what} holds ${LISTS[kind!]}, but ${LISTS[wanted]} is wanted; send ${this.#wants()}`);
  }

  /** Makes room for `elements` in all. */
  #grow(elements: number): void {
    if (elements <= this.#capacity) return;
    const { dtype } = this.spec;
    const capacity = this.#isPadded ? Math.max(elements, 2 * this.#capacity) : elements;
    const size = dtype === 'string' ? STRING_ELEMENT_BYTES : bytesPerElement(dtype);
    charge(this.#budget, (capacity - this.#capacity) * size, this.spec);
    this.#capacity = capacity;
    if (dtype === 'string') return;
    const numbers = new (typedArrayOf(dtype))(capacity);
    const bytes = new Uint8Array(numbers.buffer);
    bytes.set(this.#bytes);
    this.#numbers = numbers;
    this.#bytes = bytes;
    if (size === 8) this.#words = new Uint32Array(numbers.buffer);
  }

  #append(filler: Tensor): void {
    if (filler.dtype === 'string') for (const element of filler.data) this.#strings.push(element);
    else {
      this.#bytes.set(filler.data, this.#length * bytesPerElement(filler.dtype));
      this.#length += filler.data.length / bytesPerElement(filler.dtype);
    }
  }

  #addString(bytes: Uint8Array, what: FeaturePlace): void {
    if (this.spec.isText && (bytes.includes(0) || !isUtf8(bytes))) {
      const fault = bytes.includes(0) ? 'holds a NUL byte' : 'is not valid UTF-8';
      throw invalidRequest(`${what} ${fault}, but the model wants UTF-8 text; send binary data as base64 text`);
    }
    this.#strings.push(bytes);
    this.#length += 1;
  }

  #addFloats(reader: WireReader, start: number, end: number): void {
    const { dtype } = this.spec;
    if (dtype === 'float32') {
      this.#bytes.set(reader.bytes.subarray(start, end), this.#length * 4);
      this.#length += (end - start) / 4;
      return;
    }
    for (let at = start; at < end; at += 4) this.#addNumber(reader.bytes.readFloatLE(at));
  }

  #addNumber(value: number): void {
    const { dtype } = this.spec;
    const numbers = this.#numbers as Float64Array;
    if (dtype === 'float16') numbers[this.#length++] = toSmallFloat(FLOAT16, value);
    else if (dtype === 'bfloat16') numbers[this.#length++] = toSmallFloat(BFLOAT16, value);
    else numbers[this.#length++] = value;
  }

  #addIntegers(reader: WireReader, start: number, end: number, what: FeaturePlace): void {
    const { position, end: outer } = reader;
    reader.position = start;
    reader.end = end;
    while (reader.position < end) {
      const low = reader.varint();
      this.#addInteger(low, reader.high, what);
    }
    reader.position = position;
    reader.end = outer;
  }

  /** An int64, given as two unsigned halves. */
  #addInteger(low: number, high: number, what: FeaturePlace): void {
    const { dtype } = this.spec;
    if (dtype === 'int64' || dtype === 'uint64') {
      if (dtype === 'uint64' && high >= TWO_TO_32 / 2) throw outOfRange(what, (high | 0) * TWO_TO_32 + low, dtype);
      this.#words[2 * this.#length] = low;
      this.#words[2 * this.#length + 1] = high;
      this.#length += 1;
      return;
    }
    const value = (high | 0) * TWO_TO_32 + low;
    const range = RANGES[dtype];
    if (range !== undefined && (value < range[0] || value > range[1])) throw outOfRange(what, value, dtype);
    this.#addNumber(dtype === 'bool' ? Number(value !== 0) : value);
  }

  #padded(): Tensor {
    const { dtype, filler } = this.spec;
    const longest = this.#rows.reduce((most, rows) => Math.max(most, rows), 0);
    const width = longest * this.#perRow;
    const shape: Shape = [this.#examples, longest, ...this.spec.shape.slice(1)];
    const count = this.#examples * width;
    charge(this.#budget, count * (dtype === 'string' ? STRING_ELEMENT_BYTES : bytesPerElement(dtype)), this.spec);
    if (dtype === 'string') {
      const pad = filler?.dtype === 'string' ? filler.data[0]! : new Uint8Array(0);
      return { dtype, shape, data: this.#padStrings(width, pad) };
    }
    const size = bytesPerElement(dtype);
    const data = new Uint8Array(count * size);
    if (filler !== undefined) repeat(data, (filler as NumericTensor).data);
    let from = 0;
    this.#rows.forEach((rows, i) => {
      const length = rows * this.#perRow * size;
      data.set(this.#bytes.subarray(from, from + length), i * width * size);
      from += length;
    });
    return { dtype, shape, data };
  }

  #padStrings(width: number, pad: Uint8Array): Uint8Array[] {
    const data: Uint8Array[] = [];
    let from = 0;
    for (const rows of this.#rows) {
      const end = from + rows * this.#perRow;
      for (let i = 0; i < width; i++) data.push(from + i < end ? this.#strings[from + i]! : pad);
      from = end;
    }
    return data;
  }

  #wrongCount(count: number, what: FeaturePlace): ServingError {
    return invalidRequest(`${what} has ${count} values; send ${this.#wants()}`);
  }

  #wants(): string {
    const { kind, shape } = this.spec;
    const multiple = this.#isPadded ? `a multiple of ${this.#perRow} values` : `${this.#perRow} values`;
    return `${multiple} in ${LISTS[kind]} (shape ${formatShape(shape)})`;
  }
}

const LISTS = { float32: 'a float_list', int64: 'an int64_list', string: 'a bytes_list' } as const;

function charge(budget: TensorBudget, bytes: number, spec: FeatureSpec): void {
  if (bytes <= budget.left) {
    budget.left -= bytes;
    return;
  }
  throw new ServingError(
    'too_large',
    `feature ${JSON.stringify(spec.name)} of these examples takes more than a request's tensors may take together, ` +
      `${budget.limit} bytes; send fewer examples at once`,
  );
}

/** Fills `data` with copies of `element`, whose length divides that of `data`. */
function repeat(data: Uint8Array, element: Uint8Array): void {
  for (let at = 0; at < data.length; at += element.length) data.set(element, at);
}

function outOfRange(what: FeaturePlace, value: number, dtype: DType): ServingError {
  return invalidRequest(`${what} holds ${value}, which is no ${dtype}; send values that the model's ${dtype} can hold`);
}
