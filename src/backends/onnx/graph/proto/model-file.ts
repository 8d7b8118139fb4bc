/**
 * Reads a model file without its large values: a file of gigabytes in milliseconds, a few kilobytes at a time.
 *
 *   file    ModelProto{ GraphProto{ node … node, TensorProto{ dims, name, raw_data: 90 MB }, … } }
 *   result  ModelProto{ GraphProto{ node … node, TensorProto{ dims, name, LEFT_OUT }, … } }
 *
 * Messages of at most SMALL_BYTES are taken as they are. A larger one is walked field by field: messages in it likewise,
 * other large values are passed over, and marked by a field LEFT_OUT of the message that had them.
 */
import { Buffer } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import { GrowingWriter } from '../../../../codec/protobuf/growing-writer.ts';
import { MOST_BYTES, MOST_NESTED, SMALL_BYTES, undecidedModel } from '../../../graph/limits.ts';

/** A field of our own: something was left out of the message. onnx.proto has no field of that number. */
export const LEFT_OUT = 100_000_000;

/** The treatment of a message's fields, by their numbers. */
interface MessageKind {
  /** Messages, which are walked. */
  readonly messages: Readonly<Record<number, () => MessageKind>>;
  /** The fields of documentation and hints. */
  readonly passedOver: readonly number[];
  /** Lists of numbers, one field an element: left out of a large message. */
  readonly lists?: readonly number[];
}

const TENSOR: MessageKind = { messages: {}, passedOver: [12], lists: [4, 5, 6, 7, 10, 11] };
const SPARSE: MessageKind = { messages: { 1: () => TENSOR, 2: () => TENSOR }, passedOver: [] };
const ATTRIBUTE: MessageKind = {
  messages: { 5: () => TENSOR, 6: () => GRAPH },
  passedOver: [13],
  lists: [7, 8, 9, 10, 11],
};
const NODE: MessageKind = { messages: { 5: () => ATTRIBUTE }, passedOver: [6] };
const GRAPH: MessageKind = {
  messages: { 1: () => NODE, 5: () => TENSOR, 15: () => SPARSE },
  passedOver: [10, 13, 14],
};
const FUNCTION: MessageKind = { messages: { 7: () => NODE, 11: () => ATTRIBUTE }, passedOver: [8, 12] };
const MODEL: MessageKind = { messages: { 7: () => GRAPH, 25: () => FUNCTION }, passedOver: [6, 14, 20] };

const WINDOW_BYTES = 64 * 1024;
/** Most bytes of a tag and a length. */
const HEAD_BYTES = 20;
/** Bytes of a submessage's length as a rule. */
const LENGTH_BYTES = 3;

/** The model's bytes without its large values. Rejects if the file cannot be read or is no protobuf. */
export async function readModelFile(file: string): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const walk = new ModelWalk(new FileWindow(handle, size));
    await walk.message(MODEL, size, 0);
    return walk.result();
  } finally {
    await handle.close();
  }
}

/** A part of the file in memory. */
class FileWindow {
  readonly bytes = Buffer.allocUnsafe(WINDOW_BYTES);
  readonly #handle: FileHandle;
  readonly #size: number;
  #start = 0;
  #end = 0;

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle;
    this.#size = size;
  }

  /** Whether `count` bytes at `position`, or all to the end of the file, are in memory. */
  has(position: number, count: number): boolean {
    return position >= this.#start && Math.min(position + count, this.#size) <= this.#end;
  }

  async load(position: number): Promise<void> {
    let filled = 0;
    const wanted = Math.min(WINDOW_BYTES, this.#size - position);
    while (filled < wanted) {
      const { bytesRead } = await this.#handle.read(this.bytes, filled, wanted - filled, position + filled);
      if (bytesRead === 0) throw undecidedModel('the file became shorter while it was read');
      filled += bytesRead;
    }
    this.#start = position;
    this.#end = position + filled;
  }

  /** The byte of the file at `position`; undefined if it is not in memory. */
  at(position: number): number | undefined {
    return position < this.#end ? this.bytes[position - this.#start] : undefined;
  }

  view(position: number, count: number): Buffer {
    return this.bytes.subarray(position - this.#start, position - this.#start + count);
  }
}

class ModelWalk {
  readonly #file: FileWindow;
  readonly #out = new GrowingWriter(SMALL_BYTES);
  #position = 0;

  constructor(file: FileWindow) {
    this.#file = file;
  }

  result(): Buffer {
    return this.#out.buffer.subarray(0, this.#out.position);
  }

  /** Copies the message that ends at `end`. */
  async message(kind: MessageKind, end: number, depth: number): Promise<void> {
    // Node, attribute and graph are a level each.
    if (depth > 3 * MOST_NESTED) throw undecidedModel(`its graphs are nested more than ${MOST_NESTED} deep`);
    let isPartial = false;
    while (this.#position < end) {
      if (!this.#file.has(this.#position, HEAD_BYTES)) await this.#file.load(this.#position);
      if (!(await this.#field(kind, end, depth))) isPartial = true;
    }
    if (isPartial) this.#varints(LEFT_OUT * 8, 1);
  }

  /** False if the field's value was left out. */
  async #field(kind: MessageKind, end: number, depth: number): Promise<boolean> {
    const start = this.#position;
    const tag = this.#varint();
    const field = Math.floor(tag / 8);
    const length = this.#valueLength(tag % 8);
    const valueAt = this.#position;
    const next = valueAt + length;
    if (field === 0 || next > end) throw undecidedModel('it is no protobuf');
    const submessage = tag % 8 === 2 && length > SMALL_BYTES ? kind.messages[field]?.() : undefined;
    if (submessage !== undefined) {
      this.#varints(tag);
      const at = this.#out.begin(LENGTH_BYTES);
      await this.message(submessage, next, depth + 1);
      this.#out.reserve(5);
      this.#out.end(at, LENGTH_BYTES);
      return true;
    }
    this.#position = next;
    if (kind.passedOver.includes(field)) return true;
    if (length > SMALL_BYTES || kind.lists?.includes(field)) return false;
    if (!this.#file.has(start, next - start)) await this.#file.load(start);
    this.#append(this.#file.view(start, next - start));
    return true;
  }

  /** The number of bytes of a value, whose own length has been read. */
  #valueLength(wireType: number): number {
    if (wireType === 2) return this.#varint();
    if (wireType === 1) return 8;
    if (wireType === 5) return 4;
    if (wireType !== 0) throw undecidedModel('it is no protobuf');
    let length = 0;
    while ((this.#file.at(this.#position + length) ?? 0) >= 0x80) length += 1;
    return length + 1;
  }

  #varint(): number {
    let value = 0;
    for (let weight = 1; weight < 2 ** 49; weight *= 128) {
      const byte = this.#file.at(this.#position++);
      if (byte === undefined) break;
      value += (byte & 0x7f) * weight;
      if (byte < 0x80) return value;
    }
    throw undecidedModel('it is no protobuf');
  }

  #varints(...values: readonly number[]): void {
    this.#out.reserve(HEAD_BYTES);
    for (const value of values) this.#out.varint(value);
  }

  #append(bytes: Uint8Array): void {
    if (this.#out.position + bytes.length > MOST_BYTES) {
      throw undecidedModel(`it has more than ${MOST_BYTES / 2 ** 20} MB beside its weights`);
    }
    this.#out.reserve(bytes.length + HEAD_BYTES);
    this.#out.bytes(bytes);
  }
}
