/**
 * The body of an infer request → its tensors. It is JSON, and may have tensors behind it (binary-tensors.ts):
 *
 *   {"id":"…","parameters":{…},"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]},
 *                                        {"name":"y","shape":[1,2],"datatype":"INT32",
 *                                         "parameters":{"binary_data_size":8}}],"outputs":[{"name":"z"}]}
 *
 * The datatype may stand behind the data, so an input becomes a tensor when its object has ended. Numbers are read from
 * the bytes, as in TensorFlow Serving's API and with the same rules for each dtype (json-element.ts), but that no integer
 * wraps; NaN, Infinity and -Infinity are numbers. `data` is flat, or nested as the shape is. FP16 and BF16 have no JSON form.
 *
 * As in TensorFlow Serving's API, unknown keys are ignored, and the first of two equal keys counts. A key whose value is
 * null is not there.
 *
 * One reader serves many bodies, one after the other.
 */
import type { Buffer } from 'node:buffer';
import { invalidRequest } from '../../../core/errors.ts';
import { elementCount, type Shape } from '../../../core/shape.ts';
import type { Tensor, TensorMap } from '../../../core/tensor.ts';
import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  LOWER_N,
  MINUS,
  NINE,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  ZERO,
} from '../../json/json-chars.ts';
import { JsonCursor } from '../../json/json-cursor.ts';
import { GridScanner, gridTensor, MAX_RANK, type NumericGrid } from '../../json/json-grid.ts';
import { TensorReader } from '../../json/json-tensor-reader.ts';
import { type TensorBudget, tensorBudget } from '../../tensorflow/tensor-proto/tensor-budget.ts';
import { DATATYPES, inputDtype } from '../datatypes.ts';
import {
  checkNameCount,
  checkParameterCount,
  duplicateInput,
  isInSharedMemory,
  MAX_TEXT_BYTES,
  NO_PARAMETERS,
  type Parameters,
  type RequestedOutput,
  type SharedInput,
  sharedAndSent,
} from '../infer-request.ts';
import { chargedCount, rawTensor, type TensorHead } from '../raw-tensor.ts';
import { BinaryTail } from './binary-tensors.ts';
import { checkNesting, lacks, noJsonForm, oneOf, wrongKind } from './infer-body-checks.ts';
import { readParameters, readTensorParameters } from './infer-parameters.ts';

/** Lists and objects inside each other in a value: Triton's limit. */
const MAX_DEPTH = 100;

const REQUEST_KEYS: readonly string[] = ['inputs', 'outputs', 'id', 'parameters'];
const INPUT_KEYS: readonly string[] = ['name', 'shape', 'datatype', 'data', 'parameters'];
const OUTPUT_KEYS: readonly string[] = ['name', 'parameters'];

/** The contents of the body; the model is in the path. */
export interface InferBody {
  /** Empty: the request has none. */
  readonly id: string;
  readonly parameters: Parameters;
  readonly inputs: TensorMap;
  /** The field of the same name of InferRequest. */
  readonly sharedInputs?: readonly SharedInput[];
  /** The wanted outputs; empty = all. */
  readonly outputs: readonly RequestedOutput[];
}

interface InputFields {
  name: string | undefined;
  shape: Shape | undefined;
  datatype: string | undefined;
  parameters: Parameters | undefined;
  /** The offset of `data`. */
  dataAt: number | undefined;
  grid: NumericGrid | undefined;
}

export class InferBodyReader {
  readonly #cursor = new JsonCursor(MAX_DEPTH);
  readonly #grids = new GridScanner();
  readonly #tail = new BinaryTail();
  #budget: TensorBudget = tensorBudget(0);

  /**
   * `jsonBytes`: the JSON is so much of the body, and tensors are behind it; undefined: the body is JSON. Tensors from
   * behind the JSON are views of the body. `maxBytes`: the most that the tensors of the request may take together. Throws
   * ServingError (invalid_request, too_large).
   */
  read(body: Buffer, jsonBytes: number | undefined, maxBytes: number): InferBody {
    const cursor = this.#cursor;
    this.#tail.open(jsonBytes === undefined ? undefined : body.subarray(jsonBytes));
    this.#budget = tensorBudget(maxBytes);
    try {
      const json = jsonBytes === undefined ? body : body.subarray(0, jsonBytes);
      cursor.openObject(json, '"inputs"', '{"inputs": [...]}');
      const read = this.#members();
      cursor.expectEnd();
      this.#tail.expectEnd();
      return read;
    } finally {
      cursor.close();
      this.#grids.reset();
      this.#tail.open(undefined);
    }
  }

  #members(): InferBody {
    const cursor = this.#cursor;
    let id: string | undefined;
    let parameters: Parameters | undefined;
    let inputs: Pick<InferBody, 'inputs' | 'sharedInputs'> | undefined;
    let outputs: readonly RequestedOutput[] | undefined;
    for (let more = cursor.enter(CLOSE_OBJECT); more; more = cursor.hasNext(CLOSE_OBJECT)) {
      const key = cursor.key(REQUEST_KEYS);
      if (this.#isNull()) continue;
      if (key === 'inputs' && inputs === undefined) inputs = this.#inputs();
      else if (key === 'outputs' && outputs === undefined) outputs = this.#outputs();
      else if (key === 'id' && id === undefined) id = this.#string('"id"', 'a string');
      else if (key === 'parameters' && parameters === undefined) parameters = readParameters(cursor, 'parameters');
      else cursor.skipValue();
    }
    if (inputs === undefined)
      throw invalidRequest(`Unable to parse 'inputs': the body has none; send {"inputs": [...]}`);
    return { id: id ?? '', parameters: parameters ?? NO_PARAMETERS, ...inputs, outputs: outputs ?? [] };
  }

  #inputs(): Pick<InferBody, 'inputs' | 'sharedInputs'> {
    const tensors = new Map<string, Tensor>();
    const sharedInputs: SharedInput[] = [];
    this.#list('inputs', (path) => {
      const fields = this.#inputFields(path);
      const { name } = fields;
      if (name === undefined) throw lacks(path, 'name', 'the name of an input of the model');
      if (tensors.has(name)) throw duplicateInput(name);
      if (isInSharedMemory(fields.parameters ?? NO_PARAMETERS))
        sharedInputs.push(this.#sharedInput(path, name, fields));
      else tensors.set(name, this.#tensor(path, name, fields));
      this.#grids.reset();
    });
    return sharedInputs.length === 0 ? { inputs: tensors } : { inputs: tensors, sharedInputs };
  }

  #outputs(): readonly RequestedOutput[] {
    const cursor = this.#cursor;
    const outputs: RequestedOutput[] = [];
    let parameterCount = 0;
    this.#list('outputs', (path) => {
      let name: string | undefined;
      let parameters: Parameters | undefined;
      for (let more = cursor.enter(CLOSE_OBJECT); more; more = cursor.hasNext(CLOSE_OBJECT)) {
        const key = cursor.key(OUTPUT_KEYS);
        if (this.#isNull()) continue;
        if (key === 'name' && name === undefined) name = this.#string(`${path}.name`, 'the name of an output');
        else if (key === 'parameters' && parameters === undefined) {
          parameters = readTensorParameters(cursor, `${path}.parameters`);
        } else cursor.skipValue();
      }
      if (name === undefined) throw lacks(path, 'name', 'the name of an output of the model');
      parameterCount += parameters?.size ?? 0;
      checkParameterCount(parameterCount);
      outputs.push({ name, parameters: parameters ?? NO_PARAMETERS });
    });
    return outputs;
  }

  /** Calls `read` for each object of the list at the cursor, which is on the object's opening brace. */
  #list(key: string, read: (path: string) => void): void {
    const cursor = this.#cursor;
    if (cursor.skipSpace() !== OPEN_ARRAY) throw wrongKind(cursor, `'${key}'`, 'a list of objects');
    let count = 0;
    for (let more = cursor.enter(CLOSE_ARRAY); more; more = cursor.hasNext(CLOSE_ARRAY)) {
      const path = `${key}[${count++}]`;
      checkNameCount(key, count);
      if (cursor.skipSpace() !== OPEN_OBJECT) throw wrongKind(cursor, path, 'an object');
      read(path);
    }
  }

  #inputFields(path: string): InputFields {
    const cursor = this.#cursor;
    const fields: InputFields = {
      name: undefined,
      shape: undefined,
      datatype: undefined,
      parameters: undefined,
      dataAt: undefined,
      grid: undefined,
    };
    for (let more = cursor.enter(CLOSE_OBJECT); more; more = cursor.hasNext(CLOSE_OBJECT)) {
      const key = cursor.key(INPUT_KEYS);
      if (this.#isNull()) continue;
      if (key === 'name' && fields.name === undefined)
        fields.name = this.#string(`${path}.name`, 'the name of an input');
      else if (key === 'shape' && fields.shape === undefined) fields.shape = this.#shape(path);
      else if (key === 'datatype' && fields.datatype === undefined) {
        fields.datatype = this.#string(`${path}.datatype`, 'a name such as "FP32"');
      } else if (key === 'data' && fields.dataAt === undefined) this.#scanData(fields);
      else if (key === 'parameters' && fields.parameters === undefined) {
        fields.parameters = readTensorParameters(cursor, `${path}.parameters`);
      } else cursor.skipValue();
    }
    return fields;
  }

  #scanData(fields: InputFields): void {
    const cursor = this.#cursor;
    const byte = cursor.skipSpace();
    const { at } = cursor;
    fields.dataAt = at;
    const mayBeGrid = byte === OPEN_ARRAY || byte === MINUS || (byte !== undefined && byte >= ZERO && byte <= NINE);
    fields.grid = mayBeGrid ? this.#grids.scan(cursor.bytes, at) : undefined;
    if (fields.grid === undefined) cursor.skipValue();
    else cursor.at = this.#grids.end;
  }

  /** Moves past a null, which counts as if its key were not there: some clients write all keys. */
  #isNull(): boolean {
    const cursor = this.#cursor;
    if (cursor.skipSpace() !== LOWER_N) return false;
    cursor.skipValue();
    return true;
  }

  #string(path: string, wants: string): string {
    const cursor = this.#cursor;
    if (cursor.skipSpace() !== QUOTE) throw wrongKind(cursor, path, wants);
    const text = cursor.string();
    if (text.length <= MAX_TEXT_BYTES) return text;
    throw invalidRequest(`${path} has ${text.length} characters; send at most ${MAX_TEXT_BYTES}`);
  }

  #shape(path: string): Shape {
    const cursor = this.#cursor;
    const wants = 'a list of whole numbers from 0 on, such as [1,3]';
    if (cursor.skipSpace() !== OPEN_ARRAY) throw wrongKind(cursor, `${path}.shape`, wants);
    const shape: number[] = [];
    for (let more = cursor.enter(CLOSE_ARRAY); more; more = cursor.hasNext(CLOSE_ARRAY)) {
      cursor.skipSpace();
      const start = cursor.at;
      cursor.skipValue();
      const text = cursor.text(start, Math.min(cursor.at, start + MAX_SHOWN));
      if (!/^[0-9]{1,15}$/.test(text)) throw invalidRequest(`${path}.shape has ${text}; send ${wants}`);
      if (shape.length === MAX_RANK) throw invalidRequest(`${path}.shape has more than ${MAX_RANK} dims; send fewer`);
      shape.push(Number(text));
    }
    return shape;
  }

  #head(path: string, name: string, { shape, datatype }: InputFields): TensorHead {
    if (datatype === undefined) throw lacks(path, 'datatype', 'a name such as "FP32"');
    if (shape === undefined) throw lacks(path, 'shape', 'its dims, such as [1,3]');
    return { name, dtype: inputDtype(name, datatype), shape };
  }

  #sharedInput(path: string, name: string, fields: InputFields): SharedInput {
    const { parameters = NO_PARAMETERS, dataAt } = fields;
    const head = this.#head(path, name, fields);
    if (dataAt !== undefined) throw sharedAndSent(name, '"data"');
    if (parameters.has('binary_data_size')) throw sharedAndSent(name, 'the binary part');
    chargedCount(head, this.#budget);
    return { ...head, parameters };
  }

  #tensor(path: string, name: string, fields: InputFields): Tensor {
    const { parameters = NO_PARAMETERS, dataAt } = fields;
    const head = this.#head(path, name, fields);
    const { dtype } = head;
    const size = parameters.get('binary_data_size');
    if ((size === undefined) === (dataAt === undefined)) throw oneOf(name, dataAt !== undefined);
    if (size !== undefined) return rawTensor(head, this.#tail.take(name, size), this.#budget);
    if (dtype === 'float16' || dtype === 'bfloat16') throw noJsonForm(name, DATATYPES[dtype]);
    return this.#jsonTensor(path, head, fields);
  }

  #jsonTensor(path: string, head: TensorHead, { grid, dataAt }: InputFields): Tensor {
    const { name, dtype, shape } = head;
    const count = chargedCount(head, this.#budget);
    if (grid !== undefined) {
      checkNesting(name, shape, grid.shape, grid.count, count);
      const tensor = gridTensor({ ...grid, shape }, this.#grids.numbers, dtype, false);
      if (tensor !== undefined) return tensor;
    }
    const cursor = this.#cursor;
    const end = cursor.at;
    cursor.at = dataAt!;
    const reader = new TensorReader(cursor, name, head, { dtypeName: DATATYPES[dtype], wraps: false });
    reader.read(`${path}.data`);
    cursor.at = end;
    const tensor = reader.tensor([]);
    checkNesting(name, shape, tensor.shape, elementCount(tensor.shape), count);
    return { ...tensor, shape };
  }
}

/** The most characters of a faulty dim in an error's text. */
const MAX_SHOWN = 40;
