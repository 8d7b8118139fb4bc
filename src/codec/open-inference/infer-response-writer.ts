/**
 * ModelInferResponse and ModelStreamInferResponse (grpc_service.proto), written. Elements always go into
 * raw_output_contents, as Triton's do, whatever form the request had: a copy of their bytes is exact and smallest.
 *
 *   ModelInferResponse        1 model_name, 2 model_version, 3 id, 4 parameters, 5 outputs {1 name, 2 datatype,
 *                             3 shape}, 6 raw_output_contents
 *   ModelStreamInferResponse  1 error_message, 2 infer_response
 *
 * One buffer of exactly the answer's size, written in steps: a large answer is copied over several turns of the event
 * loop.
 */
import { Buffer } from 'node:buffer';
import type { Steps } from '../../core/in-slices.ts';
import type { Shape } from '../../core/shape.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import {
  bytesField,
  lengthDelimitedSize,
  mapField,
  message,
  messageField,
  varintField,
  varintSize,
  WireWriter,
} from '../protobuf/wire-writer.ts';
import { DATATYPES } from './datatypes.ts';
import { LENGTH_BYTES } from './raw-tensor.ts';

export interface InferAnswer {
  readonly modelName: string;
  readonly modelVersion: string;
  /** The request's id; empty = left out. */
  readonly id: string;
}

const OUTPUTS = 5;
const RAW = 6;
const INFER_RESPONSE = 2;

/** The most that one step copies, in bytes and in strings. */
const STEP_BYTES = 2 ** 20;
const STEP_STRINGS = 2048;

const NOTHING = new Uint8Array(0);
/** The parameters of an answer on a stream: models here give one answer each, which is the last. */
const FINAL_RESPONSE = mapField(4, 'triton_final_response', varintField(1, true));

/** Room in front of the message, and whether it is one of a stream. */
export interface ResponseForm {
  readonly room: number;
  readonly isStreamed: boolean;
}

export function* inferResponse(answer: InferAnswer, outputs: TensorMap, form: ResponseForm): Steps<Buffer> {
  const { modelName, modelVersion, id } = answer;
  const entries = form.isStreamed ? FINAL_RESPONSE : NOTHING;
  let size = textSize(1, modelName) + textSize(2, modelVersion) + textSize(3, id) + entries.length;
  // Each output has three sizes in bytes: its dims, its head, and its elements.
  const sizes: number[] = [];
  for (const [name, tensor] of outputs) {
    const dims = dimsSize(tensor.shape);
    const head = headSize(name, tensor, dims);
    const raw = rawSize(tensor);
    sizes.push(dims, head, raw);
    size += lengthDelimitedSize(OUTPUTS, head) + lengthDelimitedSize(RAW, raw);
  }
  const whole = form.isStreamed ? lengthDelimitedSize(INFER_RESPONSE, size) : size;
  const writer = new WireWriter(whole, form.room);
  if (form.isStreamed) writer.head(INFER_RESPONSE, size);
  writeText(writer, 1, modelName);
  writeText(writer, 2, modelVersion);
  writeText(writer, 3, id);
  if (entries.length > 0) writer.bytes(entries);
  let i = 0;
  for (const [name, tensor] of outputs) {
    writeHead(writer, name, tensor, sizes[i]!, sizes[i + 1]!);
    i += 3;
  }
  i = 2;
  for (const tensor of outputs.values()) {
    writer.head(RAW, sizes[i]!);
    i += 3;
    if (tensor.dtype === 'string') yield* writeStrings(writer, tensor.data);
    else if (tensor.data.length <= STEP_BYTES) writer.bytes(tensor.data);
    else yield* writeLarge(writer, tensor.data);
  }
  return writer.buffer;
}

/** The error of one request of a stream, which goes on. */
export function streamError(text: string, id: string): Uint8Array {
  return message(bytesField(1, text), messageField(INFER_RESPONSE, bytesField(3, id)));
}

function* writeLarge(writer: WireWriter, data: Uint8Array): Steps<void> {
  for (let from = 0; from < data.length; from += STEP_BYTES) {
    writer.bytes(data.subarray(from, from + STEP_BYTES));
    yield;
  }
}

/** Each string after its length, which is no varint. */
function* writeStrings(writer: WireWriter, strings: readonly Uint8Array[]): Steps<void> {
  let inStep = 0;
  for (let i = 0; i < strings.length; i++) {
    const string = strings[i]!;
    writer.buffer.writeUInt32LE(string.length, writer.position);
    writer.position += LENGTH_BYTES;
    writer.bytes(string);
    inStep += string.length;
    if (inStep < STEP_BYTES && i % STEP_STRINGS !== STEP_STRINGS - 1) continue;
    inStep = 0;
    yield;
  }
}

function rawSize(tensor: Tensor): number {
  if (tensor.dtype !== 'string') return tensor.data.length;
  let size = LENGTH_BYTES * tensor.data.length;
  for (let i = 0; i < tensor.data.length; i++) size += tensor.data[i]!.length;
  return size;
}

function headSize(name: string, { dtype }: Tensor, dims: number): number {
  return textSize(1, name) + textSize(2, DATATYPES[dtype]) + (dims === 0 ? 0 : lengthDelimitedSize(3, dims));
}

function writeHead(writer: WireWriter, name: string, { dtype, shape }: Tensor, dims: number, size: number): void {
  writer.head(OUTPUTS, size);
  writeText(writer, 1, name);
  writeText(writer, 2, DATATYPES[dtype]);
  if (dims === 0) return;
  writer.head(3, dims);
  for (let i = 0; i < shape.length; i++) writer.varint(shape[i]!);
}

function dimsSize(shape: Shape): number {
  let size = 0;
  for (let i = 0; i < shape.length; i++) size += varintSize(shape[i]!);
  return size;
}

/** An empty text is left out. */
function textSize(field: number, text: string): number {
  return text === '' ? 0 : lengthDelimitedSize(field, Buffer.byteLength(text));
}

function writeText(writer: WireWriter, field: number, text: string): void {
  if (text === '') return;
  const length = Buffer.byteLength(text);
  writer.head(field, length);
  writer.text(text, length);
}
