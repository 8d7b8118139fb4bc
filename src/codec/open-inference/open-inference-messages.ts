/**
 * The messages of ModelInfer.
 *
 *   ModelInferRequest  {1 model_name, 2 model_version, 5 inputs, 6 outputs, 7 raw_input_contents}
 *   ModelInferResponse {5 outputs, 6 raw_output_contents}
 *   a tensor           {1 name, 2 datatype, 3 shape, 5 contents}
 *
 * Raw contents are in the order of the tensors, little-endian: numbers as in memory, each string after its length in
 * four bytes. A server may answer with typed contents instead, in all outputs.
 */
import { Buffer } from 'node:buffer';
import { bytesPerElement, type NumericDType } from '../../core/dtype.ts';
import { ServingError } from '../../core/errors.ts';
import { elementCount } from '../../core/shape.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { lengthDelimited, varintTag, WireReader } from '../protobuf/wire-reader.ts';
import { bytesField, message, messageField, varintField } from '../protobuf/wire-writer.ts';
import { DATATYPES, dtypeOfDatatype } from './datatypes.ts';
import { readTypedContents, type TypedContents } from './open-inference-contents.ts';

const LENGTH_BYTES = 4;
const EMPTY = new Uint8Array(0);

export interface OpenInferenceModel {
  readonly name: string;
  /** Empty: the server chooses. */
  readonly version: string;
}

export function writeInferRequest(
  model: OpenInferenceModel,
  inputs: TensorMap,
  outputs: readonly string[],
): Uint8Array {
  const tensors: Uint8Array[] = [];
  const raw: Uint8Array[] = [];
  for (const [name, tensor] of inputs) {
    const shape = tensor.shape.map((dim) => varintOf(dim));
    tensors.push(
      messageField(
        5,
        message(bytesField(1, name), bytesField(2, DATATYPES[tensor.dtype]), bytesField(3, message(...shape))),
      ),
    );
    raw.push(messageField(7, tensor.dtype === 'string' ? withLengths(tensor.data) : tensor.data));
  }
  const wanted = outputs.map((name) => messageField(6, bytesField(1, name)));
  return message(bytesField(1, model.name), bytesField(2, model.version), ...tensors, ...wanted, ...raw);
}

/** A varint without a tag, for a packed field; 0 is written too. */
function varintOf(value: number): Uint8Array {
  return value === 0 ? Buffer.of(0) : varintField(1, value).subarray(1);
}

function withLengths(elements: readonly Uint8Array[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const element of elements) {
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt32LE(element.byteLength);
    pieces.push(length, element);
  }
  return Buffer.concat(pieces);
}

interface OutputHead {
  name: string;
  datatype: string;
  readonly shape: number[];
  contents: TypedContents | undefined;
}

/** Throws ServingError if the message cannot be read. Tensors are views of it where they can be. */
export function readInferResponse(bytes: Uint8Array): TensorMap {
  const reader = new WireReader(bytes, 'ModelInferResponse');
  const heads: OutputHead[] = [];
  const raw: Uint8Array[] = [];
  while (reader.next()) {
    if (reader.tag === lengthDelimited(5)) heads.push(readHead(reader));
    else if (reader.tag === lengthDelimited(6)) raw.push(reader.bytesField());
    else reader.skip();
  }
  const outputs = new Map<string, Tensor>();
  heads.forEach((head, i) => {
    outputs.set(head.name, tensorOf(head, raw[i]));
  });
  return outputs;
}

function readHead(reader: WireReader): OutputHead {
  const head: OutputHead = { name: '', datatype: '', shape: [], contents: undefined };
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) head.name = reader.string();
    else if (reader.tag === lengthDelimited(2)) head.datatype = reader.string();
    else if (reader.tag === varintTag(3)) head.shape.push(reader.int64AsNumber());
    else if (reader.tag === lengthDelimited(3)) {
      const end = reader.enter();
      while (reader.position < reader.end) head.shape.push(reader.int64AsNumber());
      reader.leave(end);
    } else if (reader.tag === lengthDelimited(5)) head.contents = readTypedContents(reader);
    else reader.skip();
  }
  reader.leave(outer);
  return head;
}

function tensorOf({ name, datatype, shape, contents }: OutputHead, raw: Uint8Array | undefined): Tensor {
  const dtype = dtypeOfDatatype(datatype);
  if (dtype === undefined) throw unreadable(name, `the protocol has no datatype "${datatype}"`);
  const count = elementCount(shape);
  if (dtype === 'string') {
    const data = raw === undefined ? (contents?.strings ?? []) : cutStrings(name, raw);
    if (data.length !== count) throw unreadable(name, `it has ${data.length} elements, not ${count}`);
    return { dtype, shape, data };
  }
  const data = raw ?? contents?.bytesOf(dtype) ?? EMPTY;
  checkLength(name, dtype, count, data.byteLength);
  return { dtype, shape, data };
}

function checkLength(name: string, dtype: NumericDType, count: number, length: number): void {
  const want = count * bytesPerElement(dtype);
  if (length !== want) throw unreadable(name, `it has ${length} bytes, not ${want}`);
}

function cutStrings(name: string, raw: Uint8Array): readonly Uint8Array[] {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const elements: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const start = at + LENGTH_BYTES;
    const end = start <= bytes.length ? start + bytes.readUInt32LE(at) : Infinity;
    if (end > bytes.length) throw unreadable(name, 'an element is cut off');
    elements.push(raw.subarray(start, end));
    at = end;
  }
  return elements;
}

function unreadable(name: string, problem: string): ServingError {
  return new ServingError('invalid_request', `output "${name}" cannot be read: ${problem}`);
}
