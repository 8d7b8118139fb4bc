/**
 * Reads the graph that saved_model.pb serves, without TensorFlow.
 *
 *   MetaGraphDef {1 meta_info_def {4 tags}, 2 graph_def}
 *   GraphDef     {1 nodes, 2 library {1 functions}}
 *   NodeDef      {1 name, 2 op, 3 inputs, 5 attributes: map<string, AttrValue>}
 *   FunctionDef  {1 signature {1 name, 2 inputs {1 name}, 3 outputs {1 name}}, 3 nodes, 4 returns, 6 effects: maps}
 *   AttrValue    {1 list, 2 bytes, 3 int, 4 float, 5 flag, 6 type, 7 shape, 8 tensor, 10 function {1 name}}
 *   TensorProto  {1 dtype, 2 shape, 4 content, 7 int32s, 10 int64s, 11 flags}
 */
import { Buffer } from 'node:buffer';
import { setImmediate } from 'node:timers/promises';
import { lengthDelimited, varintTag, WireReader } from '../../../codec/protobuf/wire-reader.ts';
import { dtypeOf } from '../../../codec/tensorflow/tensor-proto/tf-dtype.ts';
import { elementCount } from '../../../core/shape.ts';
import type { Attribute, NodeProto, TensorProto } from '../../graph/graph-proto.ts';
import { forEachField, inside, readMapEntry, readShape } from '../../signature-def.ts';
import {
  constantOf,
  type KnownAttribute,
  MOST_CONSTANT_ELEMENTS,
  type TfFunction,
  type TfGraph,
  tfAttribute,
  tfNode,
} from './tf-graph.ts';

/** The event loop has a turn after so many nodes and functions. */
const READ_A_TURN = 500;

const F1 = lengthDelimited(1);
const F2 = lengthDelimited(2);
const F3 = lengthDelimited(3);
const F4 = lengthDelimited(4);
const F5 = lengthDelimited(5);
const F6 = lengthDelimited(6);

/** `graphDef` is the message's bytes. Rejects with ServingError for bytes that are no GraphDef. */
export async function readGraphDef(graphDef: Uint8Array): Promise<TfGraph> {
  const reader = new WireReader(graphDef, 'the GraphDef');
  const nodes: NodeProto[] = [];
  const functions = new Map<string, TfFunction>();
  let libraries: Uint8Array[] = [];
  let read = 0;
  while (reader.next()) {
    if (reader.tag === F1) nodes.push(inside(reader, () => readNode(reader)));
    else if (reader.tag === F2) libraries = [...libraries, reader.bytesField()];
    else reader.skip();
    read += 1;
    if (read % READ_A_TURN === 0) await setImmediate();
  }
  for (const library of libraries) await readLibrary(library, functions);
  return { nodes, functions };
}

async function readLibrary(library: Uint8Array, functions: Map<string, TfFunction>): Promise<void> {
  const reader = new WireReader(library, 'the function library');
  let read = 0;
  while (reader.next()) {
    if (reader.tag === F1) {
      const found = inside(reader, () => readFunction(reader));
      functions.set(found.name, found);
      read += found.nodes.length;
    } else reader.skip();
    if (read < READ_A_TURN) continue;
    read = 0;
    await setImmediate();
  }
}

function readNode(reader: WireReader): NodeProto {
  let name = '';
  let op = '';
  const inputs: string[] = [];
  const attributes = new Map<string, Attribute>();
  forEachField(reader, () => {
    if (reader.tag === F1) name = reader.string();
    else if (reader.tag === F2) op = reader.string();
    else if (reader.tag === F3) inputs.push(reader.string());
    else if (reader.tag === F5) inside(reader, () => readNamedAttribute(reader, attributes));
    else reader.skip();
  });
  return tfNode(name, op, inputs, attributes);
}

/** An entry of the map. Names with an underscore are notes of tools for each other, and many. */
function readNamedAttribute(reader: WireReader, attributes: Map<string, Attribute>): void {
  let name = '';
  forEachField(reader, () => {
    if (reader.tag === F1) name = reader.string();
    else if (reader.tag === F2 && !name.startsWith('_')) {
      attributes.set(
        name,
        tfAttribute(
          name,
          inside(reader, () => readAttribute(reader)),
        ),
      );
    } else reader.skip();
  });
}

function readFunction(reader: WireReader): TfFunction {
  let name = '';
  const inputs: string[] = [];
  const outputNames: string[] = [];
  const nodes: NodeProto[] = [];
  const returns = new Map<string, string>();
  const effects = new Map<string, string>();
  const readText = (): string => textOf(reader);
  forEachField(reader, () => {
    if (reader.tag === F1) {
      inside(reader, () =>
        forEachField(reader, () => {
          if (reader.tag === F1) name = reader.string();
          else if (reader.tag === F2) inputs.push(inside(reader, () => readName(reader)));
          else if (reader.tag === F3) outputNames.push(inside(reader, () => readName(reader)));
          else reader.skip();
        }),
      );
    } else if (reader.tag === F3) nodes.push(inside(reader, () => readNode(reader)));
    else if (reader.tag === F4) readMapEntry(reader, returns, readText);
    else if (reader.tag === F6) readMapEntry(reader, effects, readText);
    else reader.skip();
  });
  const outputs = outputNames.map((output) => returns.get(output) ?? output);
  return { name, inputs, outputs, effects: [...effects.values()], nodes };
}

/** The rest of what the reader has entered, as a text: the value of a map<string, string>. */
function textOf(reader: WireReader): string {
  const text = Buffer.from(reader.view(reader.position, reader.end)).toString();
  reader.advance(reader.end - reader.position);
  return text;
}

function readName(reader: WireReader): string {
  let name = '';
  forEachField(reader, () => {
    if (reader.tag === F1) name = reader.string();
    else reader.skip();
  });
  return name;
}

function readAttribute(reader: WireReader): KnownAttribute {
  let known: KnownAttribute = {};
  forEachField(reader, () => {
    if (reader.tag === F1) known = inside(reader, () => readList(reader));
    else if (reader.tag === F2) known = readText(reader);
    else if (reader.tag === varintTag(3)) known = { int: reader.int64AsNumber() };
    else if (reader.tag === varintTag(5) || reader.tag === varintTag(6)) known = { int: reader.varint() };
    else if (reader.tag === lengthDelimited(7)) known = shapeAttribute(inside(reader, () => readShape(reader)));
    else if (reader.tag === lengthDelimited(8)) known = { tensor: inside(reader, () => readTensor(reader)) };
    else if (reader.tag === lengthDelimited(10)) known = { text: inside(reader, () => readName(reader)) };
    else {
      // Other fields are not read, such as the name of an attribute of the call that a function is in.
      known = { isPartial: true };
      reader.skip();
    }
  });
  return known;
}

/** Longer texts are no mode, equation or padding. */
const MOST_TEXT = 4096;

function readText(reader: WireReader): KnownAttribute {
  const bytes = reader.bytesField();
  return bytes.length > MOST_TEXT ? { isPartial: true } : { text: Buffer.from(bytes).toString() };
}

/** The rank is unknown if there are no dims; `hasOther` marks that. */
function shapeAttribute(shape: readonly number[] | undefined): KnownAttribute {
  return shape === undefined ? { hasOther: true } : { ints: shape };
}

/** ListValue: 2 texts, 3 ints (packed), 5 flags (packed), 6 types (packed). Others are not read. */
function readList(reader: WireReader): KnownAttribute {
  const ints: number[] = [];
  let hasOther = false;
  forEachField(reader, () => {
    if (reader.tag === F3 || reader.tag === F5 || reader.tag === F6) {
      inside(reader, () => {
        while (reader.position < reader.end) ints.push(reader.int64AsNumber());
      });
    } else if (reader.tag === varintTag(3) || reader.tag === varintTag(5) || reader.tag === varintTag(6)) {
      ints.push(reader.int64AsNumber());
    } else {
      hasOther = true;
      reader.skip();
    }
  });
  return { ints, hasOther };
}

function readTensor(reader: WireReader): TensorProto {
  let type = 0;
  let dims: readonly number[] | undefined = [];
  let content: Uint8Array | undefined;
  const listed: number[] = [];
  forEachField(reader, () => {
    if (reader.tag === varintTag(1)) type = reader.varint();
    else if (reader.tag === F2) dims = inside(reader, () => readShape(reader));
    else if (reader.tag === F4) content = reader.bytesField();
    else if ([7, 10, 11].some((field) => reader.tag === lengthDelimited(field))) {
      inside(reader, () => {
        while (reader.position < reader.end) {
          const element = reader.int64AsNumber();
          if (listed.length <= MOST_CONSTANT_ELEMENTS) listed.push(element);
        }
      });
    } else if ([7, 10, 11].some((field) => reader.tag === varintTag(field))) listed.push(reader.int64AsNumber());
    else reader.skip();
  });
  return constantOf(dims, dims && elementsOf(type, dims, content, listed));
}

/** The last listed element stands for all that follow. Undefined for many, and for other types than integers. */
function elementsOf(
  type: number,
  dims: readonly number[],
  content: Uint8Array | undefined,
  listed: readonly number[],
): readonly number[] | undefined {
  const count = elementCount(dims);
  const dtype = dtypeOf(type);
  if (count > MOST_CONSTANT_ELEMENTS || count < 0) return undefined;
  if (dtype !== 'int32' && dtype !== 'int64' && dtype !== 'bool') return undefined;
  if (content !== undefined && content.length > 0) return integersIn(content, dtype, count);
  return Array.from({ length: count }, (_, i) => listed[Math.min(i, listed.length - 1)] ?? 0);
}

/** Little-endian integers. Undefined if the bytes are not of so many. */
export function integersIn(
  bytes: Uint8Array,
  dtype: 'int32' | 'int64' | 'bool',
  count: number,
): readonly number[] | undefined {
  const width = { int32: 4, int64: 8, bool: 1 }[dtype];
  if (bytes.length !== count * width) return undefined;
  const buffer = Buffer.from(bytes);
  return Array.from({ length: count }, (_, i) => {
    if (dtype === 'int32') return buffer.readInt32LE(4 * i);
    return dtype === 'bool' ? buffer.readUInt8(i) : Number(buffer.readBigInt64LE(8 * i));
  });
}
