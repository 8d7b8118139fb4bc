/**
 * Calls and answers as frames: names, dtypes and shapes in the meta, bytes in the body.
 *
 *     RUN meta     deadline f64 │ traceparent text, empty = none │ signature text │ outputs u32, text… │ tensors
 *     DONE meta    run start f64 │ run end f64 │ tensors
 *     tensors      count u32 │ name text, dtype u32, rank u32, dims f64…, byte offset f64, byte length f64 │ …
 *
 * Writing a frame copies only strings, which are packed (tensor-transfer.ts), and small bodies. Otherwise the pieces
 * are the tensors' own bytes. Reading creates views of the frame.
 */
import { Buffer } from 'node:buffer';
import { DTYPES } from '../../../core/dtype.ts';
import type { Tensor, TensorMap } from '../../../core/tensor.ts';
import { packStrings, unpackTensor } from '../tensor-transfer.ts';
import type { Answer, Call } from '../worker-call.ts';
import { FRAME, type Frame, type FrameKind, frameFront, padded } from './frame.ts';
import { MetaReader, MetaWriter } from './meta-bytes.ts';

/** The buffers of one frame, in the order in which they are written. */
export type Pieces = readonly Uint8Array[];

/** The size up to which copying is cheaper than writing several pieces. */
const SMALL_BODY_BYTES = 2 ** 14;
const ZEROS = new Uint8Array(8);
const HEAP = { allocate: (byteLength: number) => new ArrayBuffer(byteLength) };
/** Shared by all frames of this thread: a frame is complete before another begins. */
const writer = new MetaWriter();

/** Throws `too_large`. */
export function callFrame(
  { signatureName, inputs, outputs, deadline, traceparent = '' }: Call,
  session: number,
): Pieces {
  writer.clear();
  writer.double(deadline);
  writer.text(traceparent);
  writer.text(signatureName);
  writer.uint32(outputs.length);
  for (let i = 0; i < outputs.length; i++) writer.text(outputs[i]!);
  return tensorFrame(FRAME.run, session, inputs);
}

/** Throws `too_large`. */
export function answerFrame({ outputs, runStart, runEnd }: Answer, session: number): Pieces {
  writer.clear();
  writer.double(runStart);
  writer.double(runEnd);
  return tensorFrame(FRAME.done, session, outputs);
}

/** The call in a RUN frame; its inputs are views of the frame. Throws when the frame is inconsistent. */
export function readCall({ meta, body }: Frame): Call {
  const reader = new MetaReader(meta);
  const deadline = reader.double();
  const traceparent = reader.text() || undefined;
  const signatureName = reader.text();
  const outputs: string[] = [];
  for (let count = reader.uint32(); count > 0; count--) outputs.push(reader.text());
  return { signatureName, inputs: readTensors(reader, body), outputs, deadline, traceparent };
}

/** The answer in a DONE frame; its outputs are views of the frame. Throws when the frame is inconsistent. */
export function readAnswer({ meta, body }: Frame): Answer {
  const reader = new MetaReader(meta);
  const runStart = reader.double();
  const runEnd = reader.double();
  return { outputs: readTensors(reader, body), runStart, runEnd };
}

function tensorFrame(kind: FrameKind, session: number, tensors: TensorMap): Pieces {
  const pieces: Uint8Array[] = [ZEROS];
  let bodyBytes = 0;
  writer.uint32(tensors.size);
  for (const [name, tensor] of tensors) {
    const bytes = bytesOf(name, tensor);
    writeTensor(name, tensor, bodyBytes, bytes.byteLength);
    if (bytes.byteLength > 0) pieces.push(bytes);
    const padding = padded(bytes.byteLength) - bytes.byteLength;
    if (padding > 0) pieces.push(ZEROS.subarray(0, padding));
    bodyBytes += bytes.byteLength + padding;
  }
  pieces[0] = frameFront(kind, session, writer.bytes, bodyBytes);
  return bodyBytes <= SMALL_BODY_BYTES ? [Buffer.concat(pieces)] : pieces;
}

function bytesOf(name: string, tensor: Tensor): Uint8Array {
  if (tensor.dtype !== 'string') return tensor.data;
  const { buffer, byteLength } = packStrings(name, tensor, HEAP);
  return new Uint8Array(buffer, 0, byteLength);
}

function writeTensor(name: string, { dtype, shape }: Tensor, byteOffset: number, byteLength: number): void {
  writer.text(name);
  writer.uint32(DTYPES.indexOf(dtype));
  writer.uint32(shape.length);
  for (let i = 0; i < shape.length; i++) writer.double(shape[i]!);
  writer.double(byteOffset);
  writer.double(byteLength);
}

function readTensors(reader: MetaReader, body: Uint8Array<ArrayBuffer>): TensorMap {
  const tensors = new Map<string, Tensor>();
  for (let count = reader.uint32(); count > 0; count--) {
    const name = reader.text();
    const dtype = DTYPES[reader.uint32()]!;
    const shape: number[] = [];
    for (let rank = reader.uint32(); rank > 0; rank--) shape.push(reader.double());
    const byteOffset = reader.double();
    const byteLength = reader.double();
    if (byteOffset + byteLength > body.byteLength) throw new RangeError(`tensor "${name}" goes beyond its frame`);
    const { buffer } = body;
    tensors.set(
      name,
      unpackTensor({ name, dtype, shape, buffer, byteOffset: body.byteOffset + byteOffset, byteLength }),
    );
  }
  return tensors;
}
