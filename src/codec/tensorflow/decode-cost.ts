/**
 * How much of a request is read value by value. A tensor_content, a packed run of floats and an example are views of the
 * message, whatever their size; varints, strings and small fields take time for each. The walk ends as soon as it has
 * counted enough, so it is short whatever it is given.
 */
import type { ServingError } from '../../core/errors.ts';
import { DATATYPES } from '../open-inference/datatypes.ts';
import { WIRE_LENGTH_DELIMITED, WIRE_VARINT, WireReader } from '../protobuf/wire-reader.ts';
import { TENSOR_CONTENT, TENSOR_DTYPE, VALUE_FIELDS } from './tensor-proto/tensor-fields.ts';
import { DATA_TYPES } from './tensor-proto/tf-dtype.ts';

/** The cost of an object, such as a string's view, in bytes of small fields that take as long. */
const OBJECT = 64;

/** An object whatever its length; but of a tensor of strings, it holds strings one by one. */
const CONTENT = 'content';
/** Says by its number or its name whether a tensor is of strings. */
const TYPE = 'type';

/** The fields that cost more than their bytes: messages, and values that are objects whatever their length. */
interface Walk {
  readonly [field: number]: Walk | typeof OBJECT | typeof CONTENT | typeof TYPE;
}

const TENSOR: Walk = {
  [TENSOR_DTYPE]: TYPE,
  [TENSOR_CONTENT]: CONTENT,
  [VALUE_FIELDS.float32.number]: OBJECT,
  [VALUE_FIELDS.float64.number]: OBJECT,
  [VALUE_FIELDS.string.number]: OBJECT,
};

/** PredictRequest {2 inputs: a map {2 value}}. */
export const PREDICT_WALK: Walk = { 2: { 2: TENSOR } };

/** ClassificationRequest, RegressionRequest, MultiInferenceRequest {2 input {1 example_list {1 examples}}}. */
export const EXAMPLES_WALK: Walk = { 2: { 1: { 1: OBJECT } } };

/** ModelInferRequest {5 inputs {2 datatype, 5 contents {6 fp32, 7 fp64, 8 bytes}}, 7 raw_input_contents}. */
export const INFER_WALK: Walk = { 5: { 2: TYPE, 5: { 6: OBJECT, 7: OBJECT, 8: OBJECT } }, 7: CONTENT };

/** The cost in bytes. At `limit` it stops; a message that is broken costs what stands before the fault. */
export function decodeCost(message: Uint8Array, walk: Walk, limit: number): number {
  const cost = new Cost(message, limit);
  try {
    cost.add(walk);
  } catch (error) {
    // It will be explained when it is read.
    if ((error as ServingError).kind !== 'invalid_request') throw error;
  }
  return cost.bytes + (cost.hasStrings ? cost.contentBytes : 0);
}

class Cost {
  bytes = 0;
  /** A tensor, whose parts may stand anywhere, is of strings. */
  hasStrings = false;
  /** Bytes of CONTENT. */
  contentBytes = 0;
  readonly #reader: WireReader;
  readonly #limit: number;

  constructor(message: Uint8Array, limit: number) {
    this.#reader = new WireReader(message, 'the request');
    this.#limit = limit;
  }

  /** Adds the fields of the message that the reader is in. */
  add(walk: Walk): void {
    const reader = this.#reader;
    while (this.bytes < this.#limit && reader.next()) {
      this.bytes += 2;
      const { field } = reader;
      const inside = walk[field];
      if (inside === TYPE) {
        this.#readType();
        continue;
      }
      if (reader.wireType !== WIRE_LENGTH_DELIMITED) {
        reader.skip();
        continue;
      }
      if (typeof inside === 'object') {
        const outer = reader.enter();
        this.add(inside);
        reader.leave(outer);
        continue;
      }
      const length = reader.length();
      reader.advance(length);
      this.bytes += inside === undefined ? length : OBJECT;
      if (inside === CONTENT) this.contentBytes += length;
    }
  }

  #readType(): void {
    const reader = this.#reader;
    if (reader.wireType === WIRE_VARINT) this.hasStrings ||= reader.varint() === DATA_TYPES.string;
    else if (reader.wireType !== WIRE_LENGTH_DELIMITED) reader.skip();
    else {
      const start = reader.position;
      const length = reader.length();
      this.bytes += length;
      if (length === DATATYPES.string.length) {
        reader.position = start;
        this.hasStrings ||= reader.string() === DATATYPES.string;
      } else reader.advance(length);
    }
  }
}
