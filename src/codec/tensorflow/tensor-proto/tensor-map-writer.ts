/**
 * A map<string, TensorProto>, written like a tensor in tensor-proto-writer.ts: first measured, then written.
 */
import { Buffer } from 'node:buffer';
import type { TensorMap } from '../../../core/tensor.ts';
import { lengthDelimitedSize, type WireWriter } from '../../protobuf/wire-writer.ts';
import { measureTensor, type TensorMeasure, writeTensor } from './tensor-proto-writer.ts';
import { MAP_VALUE } from './tensor-values.ts';

const MAP_KEY = 1;

/** The size of one map entry, and of its parts, in bytes. */
export interface EntryMeasure {
  readonly keySize: number;
  readonly entrySize: number;
  readonly tensor: TensorMeasure;
}

export interface TensorMapMeasure {
  /** The bytes of all entries, with their tags and lengths. */
  readonly size: number;
  /** In the order of the tensors. */
  readonly entries: readonly EntryMeasure[];
}

/**
 * Measures `tensors` as the map field `field`.
 *
 * @param asContent elements in tensor_content instead of the typed *_val fields
 * @param stringsAsContent the same for strings
 */
export function measureTensorMap(
  field: number,
  tensors: TensorMap,
  asContent: boolean,
  stringsAsContent = asContent,
): TensorMapMeasure {
  const entries: EntryMeasure[] = [];
  let size = 0;
  for (const [name, tensor] of tensors) {
    const keySize = Buffer.byteLength(name);
    const measure = measureTensor(tensor, tensor.dtype === 'string' ? stringsAsContent : asContent);
    const entrySize = lengthDelimitedSize(MAP_KEY, keySize) + lengthDelimitedSize(MAP_VALUE, measure.size);
    size += lengthDelimitedSize(field, entrySize);
    entries.push({ keySize, entrySize, tensor: measure });
  }
  return { size, entries };
}

export function writeTensorMap(
  writer: WireWriter,
  field: number,
  tensors: TensorMap,
  { entries }: TensorMapMeasure,
): void {
  let index = 0;
  for (const [name, tensor] of tensors) {
    const { keySize, entrySize, tensor: measure } = entries[index++]!;
    writer.head(field, entrySize);
    writer.head(MAP_KEY, keySize);
    writer.text(name, keySize);
    writer.head(MAP_VALUE, measure.size);
    writeTensor(writer, tensor, measure);
  }
}
