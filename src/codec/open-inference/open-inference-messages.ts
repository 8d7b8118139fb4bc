/**
 * The messages of ModelInfer as a client writes and reads them.
 *
 *   ModelInferRequest  {1 model_name, 2 model_version, 5 inputs, 6 outputs, 7 raw_input_contents}
 *   ModelInferResponse {5 outputs, 6 raw_output_contents}
 *   a tensor           {1 name, 2 datatype, 3 shape, 5 contents}
 *
 * Raw contents are in the order of the tensors, little-endian: numbers as in memory, each string after its length in
 * four bytes. A server may answer with typed contents instead, in all outputs.
 */
import { Buffer } from 'node:buffer';
import { invalidRequest } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { lengthDelimited, WireReader } from '../protobuf/wire-reader.ts';
import { bytesField, message, messageField, varintField } from '../protobuf/wire-writer.ts';
import { tensorBudget } from '../tensorflow/tensor-proto/tensor-budget.ts';
import { DATATYPES, dtypeOfDatatype } from './datatypes.ts';
import { chargedCount, emptyTensor, LENGTH_BYTES, rawTensor } from './raw-tensor.ts';
import { TensorMessage } from './tensor-message.ts';

export interface OpenInferenceModel {
  readonly name: string;
  /** The version; empty = the server chooses. */
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

/**
 * Throws ServingError (invalid_request, too_large) if the message cannot be read. Tensors are views of it where they can
 * be.
 */
export function readInferResponse(bytes: Uint8Array): TensorMap {
  const reader = new WireReader(bytes, 'ModelInferResponse');
  const tensors: TensorMessage[] = [];
  const raw: Uint8Array[] = [];
  while (reader.next()) {
    if (reader.tag === lengthDelimited(5)) tensors.push(TensorMessage.read(reader));
    else if (reader.tag === lengthDelimited(6)) raw.push(reader.bytesField());
    else reader.skip();
  }
  const outputs = new Map<string, Tensor>();
  tensors.forEach((tensor, i) => {
    outputs.set(tensor.name, outputOf(reader, tensor, raw[i]));
  });
  return outputs;
}

function outputOf(reader: WireReader, tensor: TensorMessage, raw: Uint8Array | undefined): Tensor {
  // The message has a limit of its own.
  const budget = tensorBudget(Infinity);
  const { name, datatype, shape, contents } = tensor;
  const dtype = dtypeOfDatatype(datatype);
  if (dtype === undefined) {
    throw invalidRequest(`output ${quoteName(name)} has the datatype ${quoteName(datatype)}, which the protocol lacks`);
  }
  const head = { what: 'output', name, dtype, shape } as const;
  if (raw !== undefined) return rawTensor(head, raw, budget);
  if (!contents.isEmpty || chargedCount(head, budget) > 0) return contents.read(reader, head, budget);
  return emptyTensor(head);
}
