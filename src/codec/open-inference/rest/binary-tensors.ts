/**
 * The tensors behind the JSON of a request or an answer (the "binary tensor data extension" of the Open Inference
 * Protocol):
 *
 *   ┌ JSON ──────────────────────────┬ tensor ─┬ tensor ─┬ … ┐
 *   └ Inference-Header-Content-Length┘         in the order of the JSON, without gaps
 *
 * Numbers are little-endian and row-major. An element of BYTES is its length in four bytes, little-endian, and its
 * bytes; raw contents over gRPC are the same.
 */
import type { Buffer } from 'node:buffer';
import { invalidRequest } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import type { Tensor } from '../../../core/tensor.ts';
import { LENGTH_BYTES } from '../raw-tensor.ts';

/** The bytes that a tensor takes behind the JSON. */
export function binarySizeOf(tensor: Tensor): number {
  if (tensor.dtype !== 'string') return tensor.data.byteLength;
  let bytes = LENGTH_BYTES * tensor.data.length;
  for (const element of tensor.data) bytes += element.byteLength;
  return bytes;
}

/** Writes a tensor to `out` at `start`, where it has room. Returns the offset behind it. */
export function writeBinary(out: Buffer, start: number, tensor: Tensor): number {
  if (tensor.dtype !== 'string') {
    out.set(tensor.data, start);
    return start + tensor.data.byteLength;
  }
  let at = start;
  for (const element of tensor.data) {
    at = out.writeUInt32LE(element.byteLength, at);
    out.set(element, at);
    at += element.byteLength;
  }
  return at;
}

/**
 * `Inference-Header-Content-Length` as text → the bytes of the JSON in a body of `bodyBytes`; 0 = the body is one raw
 * tensor. Throws `invalid_request`.
 */
export function headerLength(text: string, bodyBytes: number): number {
  if (!/^-?[0-9]{1,20}$/.test(text.trim())) {
    throw invalidRequest(
      `Unable to parse Inference-Header-Content-Length, got: ${quoteName(text)}; send a whole number`,
    );
  }
  const length = Number(text);
  if (length >= 0 && length <= bodyBytes) return length;
  throw invalidRequest(
    `inference header size should be in range (0, ${bodyBytes}), got: ${text.trim()}; ` +
      'Inference-Header-Content-Length is the number of bytes of the JSON, which is at most those of the body',
  );
}
