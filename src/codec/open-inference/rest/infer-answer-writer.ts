/**
 * Outputs → the answer of an infer request, JSON or JSON with tensors behind it (binary-tensors.ts):
 *
 *   {"id":"…","model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[…]},
 *                         {"name":"z","datatype":"INT32","shape":[2],"parameters":{"binary_data_size":8}}]}
 *
 * An output in shared memory has neither `data` nor parameters. `data` is flat. Numbers are written as in TensorFlow Serving's API: a float has a point or an exponent, and reads back
 * as the same bits; NaN and infinities have no quotes. One printer serves many answers, one after the other.
 */
import { Buffer } from 'node:buffer';
import { invalidRequest, type ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import { elementCount } from '../../../core/shape.ts';
import type { Tensor } from '../../../core/tensor.ts';
import { numbersOf, writeElements } from '../../json/json-elements-writer.ts';
import { JsonWriter } from '../../json/json-writer.ts';
import { DATATYPES } from '../datatypes.ts';
import { binaryBytes } from './binary-tensors.ts';

export interface AnsweredOutput {
  readonly name: string;
  readonly tensor: Tensor;
  /** It stands behind the JSON. */
  readonly isBinary: boolean;
}

export interface InferAnswer {
  /** The id of the request; empty = it had none. */
  readonly id: string;
  readonly model: string;
  readonly version: string;
  readonly outputs: readonly AnsweredOutput[];
}

export interface PrintedAnswer {
  readonly json: Buffer;
  /** The bytes behind the JSON. All but those of BYTES outputs are views of the outputs. */
  readonly tail: readonly Uint8Array[];
  readonly tailBytes: number;
}

/** Prints both parts into one buffer, at once. */
export function wholeAnswer({ json, tail, tailBytes }: PrintedAnswer): Buffer {
  return tailBytes === 0 ? json : Buffer.concat([json, ...tail], json.length + tailBytes);
}

export class InferPrinter {
  readonly #writer = new JsonWriter();

  /** Throws `invalid_request` for an output that JSON has no form for. */
  print(answer: InferAnswer): PrintedAnswer {
    const writer = this.#writer;
    writer.clear();
    writer.ascii('{');
    if (answer.id !== '') {
      writer.ascii('"id":');
      this.#text(answer.id);
      writer.ascii(',');
    }
    writer.ascii('"model_name":');
    this.#text(answer.model);
    writer.ascii(',"model_version":');
    this.#text(answer.version);
    writer.ascii(',"outputs":[');
    const tail: Uint8Array[] = [];
    let tailBytes = 0;
    answer.outputs.forEach((output, i) => {
      if (i > 0) writer.ascii(',');
      tailBytes += this.#output(output, tail);
    });
    writer.ascii(']}');
    return { json: writer.take(), tail, tailBytes };
  }

  /** Appends what follows behind the JSON to `tail`, and returns its size. */
  #output({ name, tensor, isBinary }: AnsweredOutput, tail: Uint8Array[]): number {
    const writer = this.#writer;
    const { dtype, shape } = tensor;
    writer.ascii('{"name":');
    this.#text(name);
    writer.ascii(`,"datatype":"${DATATYPES[dtype]}","shape":[${shape.join(',')}]`);
    if (areElsewhere(tensor)) {
      writer.ascii('}');
      return 0;
    }
    if (isBinary) {
      const bytes = binaryBytes(tensor);
      writer.ascii(`,"parameters":{"binary_data_size":${bytes.byteLength}}}`);
      tail.push(bytes);
      return bytes.byteLength;
    }
    if (dtype === 'float16' || dtype === 'bfloat16') throw hasNoJsonForm(name, DATATYPES[dtype]);
    writer.ascii(',"data":[');
    writeElements(writer, { tensor, numbers: numbersOf(tensor), isBase64: false }, 0, elementCount(shape));
    writer.ascii(']}');
    return 0;
  }

  #text(text: string): void {
    this.#writer.string(Buffer.from(text, 'utf8'));
  }
}

/** Its elements were written into shared memory: there are some by its shape, and none here. */
export function areElsewhere({ shape, data }: Tensor): boolean {
  return data.length === 0 && elementCount(shape) > 0;
}

/** An output is asked for as JSON that only has a binary form. */
export function hasNoJsonForm(name: string, datatype: string): ServingError {
  return invalidRequest(
    `sending ${datatype} data via JSON is not supported; ask for output ${quoteName(name)} as binary data ` +
      '("parameters": {"binary_data": true} of the output, or "binary_data_output" of the request)',
  );
}
