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
import { Buffer } from 'node:buffer';
import { invalidRequest } from '../../../core/errors.ts';
import { cutName, quoteName } from '../../../core/list-names.ts';
import type { Tensor } from '../../../core/tensor.ts';
import { LENGTH_BYTES } from '../raw-tensor.ts';

/** The bytes behind the JSON of a request, taken tensor by tensor. */
export class BinaryTail {
  #bytes: Buffer | undefined;
  #at = 0;

  /** Undefined if the request does not say where its JSON ends: then nothing is behind it. */
  open(bytes: Buffer | undefined): void {
    this.#bytes = bytes;
    this.#at = 0;
  }

  /** The next bytes, as a view. `size`: the parameter `binary_data_size` of the input. Throws `invalid_request`. */
  take(name: string, size: unknown): Buffer {
    const bytes = this.#bytes;
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
      throw invalidRequest(
        `"binary_data_size" of input ${quoteName(name)} is no whole number from 0 on; send its bytes`,
      );
    }
    if (bytes === undefined) {
      throw invalidRequest(
        `input ${quoteName(name)} has "binary_data_size", but the request has no header ` +
          'Inference-Header-Content-Length; send it, with the number of bytes of the JSON',
      );
    }
    const missing = this.#at + size - bytes.length;
    if (missing > 0) {
      throw invalidRequest(
        `unexpected size for input '${cutName(name)}', expecting ${missing} additional bytes; send as many bytes ` +
          'behind the JSON as "binary_data_size" says',
      );
    }
    this.#at += size;
    return bytes.subarray(this.#at - size, this.#at);
  }

  /** Throws `invalid_request` if something is left. */
  expectEnd(): void {
    const left = (this.#bytes?.length ?? 0) - this.#at;
    if (left === 0) return;
    throw invalidRequest(
      `unexpected additional input data: ${left} bytes are behind the last tensor; check ` +
        'Inference-Header-Content-Length and "binary_data_size"',
    );
  }
}

/** A tensor as it stands behind the JSON: its own bytes, or of BYTES a copy. */
export function binaryBytes(tensor: Tensor): Uint8Array {
  if (tensor.dtype !== 'string') return tensor.data;
  let size = LENGTH_BYTES * tensor.data.length;
  for (const element of tensor.data) size += element.byteLength;
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  for (const element of tensor.data) {
    at = out.writeUInt32LE(element.byteLength, at);
    out.set(element, at);
    at += element.byteLength;
  }
  return out;
}

/**
 * `Inference-Header-Content-Length` as text → the bytes of the JSON in a body of `bodyBytes`; 0 = the body is one raw
 * tensor. Throws `invalid_request`.
 */
export function headerLength(text: string, bodyBytes: number): number {
  if (!/^-?[0-9]{1,20}$/.test(text)) {
    throw invalidRequest(
      `Unable to parse Inference-Header-Content-Length, got: ${quoteName(text)}; send a whole number`,
    );
  }
  const length = Number(text);
  if (length >= 0 && length <= bodyBytes) return length;
  throw invalidRequest(
    `inference header size should be in range (0, ${bodyBytes}), got: ${text}; ` +
      'Inference-Header-Content-Length is the number of bytes of the JSON, which is at most those of the body',
  );
}
