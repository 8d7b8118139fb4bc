/**
 * Looks into a message of onnx.proto without reading all of it, and makes it anew with other fields. All functions throw
 * ServingError for bytes that are no protobuf.
 */
import { Buffer } from 'node:buffer';
import {
  lengthDelimited,
  nextRun,
  WIRE_LENGTH_DELIMITED,
  WIRE_VARINT,
  WireReader,
} from '../../../../codec/protobuf/wire-reader.ts';
import { messageField } from '../../../../codec/protobuf/wire-writer.ts';

const WHAT = 'the model';

export interface Field {
  readonly number: number;
  readonly value: Uint8Array;
}

/** The length-delimited fields of a message. */
export function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  const reader = new WireReader(bytes, WHAT);
  while (reader.next()) {
    if (reader.wireType === WIRE_LENGTH_DELIMITED) yield { number: reader.field, value: reader.bytesField() };
    else reader.skip();
  }
}

/** Numbers of the fields of a ModelProto and of its GraphProto, as onnx.proto has them. */
export const MODEL = { graph: 7, opset: 8 } as const;
export const GRAPH = { node: 1, initializer: 5, input: 11, output: 12 } as const;

/** The length-delimited fields of the model's graph. */
export function* graphFieldsOf(model: Uint8Array): Generator<Field> {
  for (const { number, value } of fieldsOf(model)) if (number === MODEL.graph) yield* fieldsOf(value);
}

/**
 * The message with other values for some of its length-delimited fields; `replace` gives undefined for those that stay,
 * and null for those that are left out.
 */
export function replaced(
  bytes: Uint8Array,
  replace: (field: number, value: Uint8Array) => Uint8Array | null | undefined,
): Buffer<ArrayBuffer> {
  const reader = new WireReader(bytes, WHAT);
  const pieces: Uint8Array[] = [];
  let copied = 0;
  for (let start = 0; reader.next(); start = reader.position) {
    const { field } = reader;
    if (reader.wireType !== WIRE_LENGTH_DELIMITED) {
      reader.skip();
      continue;
    }
    const value = replace(field, reader.bytesField());
    if (value === undefined) continue;
    pieces.push(reader.view(copied, start));
    if (value !== null) pieces.push(messageField(field, value));
    copied = reader.position;
  }
  pieces.push(reader.view(copied, reader.end));
  return Buffer.concat(pieces);
}

/** The texts of a repeated field. */
export function textsOf(bytes: Uint8Array, field: number): readonly string[] {
  const reader = new WireReader(bytes, WHAT);
  const texts: string[] = [];
  while (reader.next()) {
    if (reader.tag === lengthDelimited(field)) texts.push(reader.string());
    else reader.skip();
  }
  return texts;
}

/** '' = it has none. */
export function textOf(bytes: Uint8Array, field: number): string {
  return textsOf(bytes, field).at(-1) ?? '';
}

/** Numbers of a repeated field, packed or not, as texts. */
export function intsOf(bytes: Uint8Array, field: number): readonly string[] {
  const reader = new WireReader(bytes, WHAT);
  const run = { start: 0, end: 0 };
  const numbers: string[] = [];
  while (nextRun(reader, field, WIRE_VARINT, run)) {
    const { position, end } = reader;
    reader.position = run.start;
    reader.end = run.end;
    while (reader.position < run.end) numbers.push(String(reader.int64()));
    reader.position = position;
    reader.end = end;
  }
  return numbers;
}
