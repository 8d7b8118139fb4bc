/** Reads the files of values in a Triton model's directory: raw little-endian elements; strings with their length before. */
import type { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { bytesPerElement, type DType } from '../../../core/dtype.ts';
import { elementCount, type Shape } from '../../../core/shape.ts';
import type { Tensor } from '../../../core/tensor.ts';
import { isReallyInside, readSmall } from '../../../models/model-file/small-files.ts';

const MAX_BYTES = 256 << 20;
/** Bytes of a string's length. */
export const LENGTH_BYTES = 4;

/** Rejects if the file is missing, not in the directory, or too short. */
export async function readRawTensor(directory: string, name: string, dtype: DType, shape: Shape): Promise<Tensor> {
  const path = join(directory, name);
  const isInside = await isReallyInside(directory, path).catch(() => true);
  if (!isInside) throw new Error(`the file ${path} is not in ${directory}; put it there`);
  const bytes = (await readSmall(path, MAX_BYTES)) ?? 'there is no such file';
  if (typeof bytes === 'string') throw new Error(`${path} cannot be used: ${bytes}`);
  const count = elementCount(shape);
  if (dtype === 'string') return { dtype, shape, data: stringsOf(path, bytes, count) };
  const wanted = count * bytesPerElement(dtype);
  // Triton takes the first bytes of a longer file.
  if (bytes.length < wanted) throw new Error(`${path} has ${bytes.length} bytes, and its dims take ${wanted}`);
  return { dtype, shape, data: bytes.subarray(0, wanted) };
}

function stringsOf(path: string, bytes: Buffer, count: number): readonly Uint8Array[] {
  const strings: Uint8Array[] = [];
  let at = 0;
  while (strings.length < count) {
    const start = at + LENGTH_BYTES;
    const end = start <= bytes.length ? start + bytes.readUInt32LE(at) : Infinity;
    if (end > bytes.length) throw new Error(`${path} ends in string ${strings.length + 1} of ${count}`);
    strings.push(bytes.subarray(start, end));
    at = end;
  }
  return strings;
}
