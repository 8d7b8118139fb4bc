/**
 * Sends tensors to another thread by transferring their memory instead of copying it.
 *
 * A numeric tensor is sent as its ArrayBuffer and the place of its bytes there. Strings are packed into one buffer:
 *
 *     | length of element 0 (uint32) | length 1 | … | bytes of element 0 | bytes 1 | …
 *
 * Each packed tensor has its own buffer, which is in the message's transfer list. A message never contains a view:
 * structured clone would copy the view's whole buffer. Transfer is never slower than a clone, so small tensors are no
 * special case. ONNX Runtime's outputs are ordinary ArrayBuffers, so the way back copies nothing either.
 */
import type { DType } from '../../core/dtype.ts';
import { elementCount, type Shape } from '../../core/shape.ts';
import type { StringTensor, Tensor, TensorMap } from '../../core/tensor.ts';

export interface PackedTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly buffer: ArrayBuffer;
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** The source of memory for packing. */
export interface TransferMemory {
  /** The buffer of `bytes` for the caller to transfer. Undefined: it may not be transferred, copy the bytes. */
  claim(bytes: Uint8Array): ArrayBuffer | undefined;
  /** 8-byte aligned, at least `byteLength` bytes. */
  allocate(byteLength: number): ArrayBuffer;
}

/** Packs the tensors for a message; `buffersOf` the result is its transfer list. */
export function packTensors(tensors: TensorMap, memory: TransferMemory): PackedTensor[] {
  const packed: PackedTensor[] = [];
  for (const [name, tensor] of tensors) packed.push(packTensor(name, tensor, memory));
  return packed;
}

/** The tensors as views of the received buffers. */
export function unpackTensors(packed: readonly PackedTensor[]): TensorMap {
  const tensors = new Map<string, Tensor>();
  for (const tensor of packed) tensors.set(tensor.name, unpackTensor(tensor));
  return tensors;
}

/** The tensors' buffers, all different. */
export function buffersOf(packed: readonly PackedTensor[]): ArrayBuffer[] {
  return packed.map((tensor) => tensor.buffer);
}

function packTensor(name: string, tensor: Tensor, memory: TransferMemory): PackedTensor {
  if (tensor.dtype === 'string') return packStrings(name, tensor, memory);
  const { dtype, shape, data } = tensor;
  const claimed = memory.claim(data);
  if (claimed !== undefined) {
    return { name, dtype, shape, buffer: claimed, byteOffset: data.byteOffset, byteLength: data.byteLength };
  }
  const buffer = memory.allocate(data.byteLength);
  new Uint8Array(buffer).set(data);
  return { name, dtype, shape, buffer, byteOffset: 0, byteLength: data.byteLength };
}

/** Packs the elements' lengths and bytes into one buffer. */
export function packStrings(
  name: string,
  { shape, data }: StringTensor,
  memory: Pick<TransferMemory, 'allocate'>,
): PackedTensor {
  const headerLength = data.length * Uint32Array.BYTES_PER_ELEMENT;
  let byteLength = headerLength;
  for (const element of data) byteLength += element.byteLength;
  const buffer = memory.allocate(byteLength);
  const lengths = new Uint32Array(buffer, 0, data.length);
  const bytes = new Uint8Array(buffer);
  let offset = headerLength;
  for (let i = 0; i < data.length; i++) {
    const element = data[i]!;
    lengths[i] = element.byteLength;
    bytes.set(element, offset);
    offset += element.byteLength;
  }
  return { name, dtype: 'string', shape, buffer, byteOffset: 0, byteLength };
}

/** The tensor as a view. `byteOffset` must be a multiple of 4 for strings. */
export function unpackTensor({ dtype, shape, buffer, byteOffset, byteLength }: PackedTensor): Tensor {
  if (dtype === 'string') return { dtype, shape, data: unpackStrings(buffer, byteOffset, elementCount(shape)) };
  return { dtype, shape, data: new Uint8Array(buffer, byteOffset, byteLength) };
}

function unpackStrings(buffer: ArrayBuffer, byteOffset: number, count: number): Uint8Array[] {
  const lengths = new Uint32Array(buffer, byteOffset, count);
  const elements: Uint8Array[] = new Array(count);
  let offset = byteOffset + count * Uint32Array.BYTES_PER_ELEMENT;
  for (let i = 0; i < count; i++) {
    const length = lengths[i]!;
    elements[i] = new Uint8Array(buffer, offset, length);
    offset += length;
  }
  return elements;
}
