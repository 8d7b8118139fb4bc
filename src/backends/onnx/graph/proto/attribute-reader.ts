/** AttributeProto of onnx.proto: an attribute of a node. */
import { lengthDelimited, varintTag, WIRE_FIXED32, type WireReader } from '../../../../codec/protobuf/wire-reader.ts';
import type { Attribute, GraphProto, TensorProto } from '../../../graph/graph-proto.ts';
import { SMALL_BYTES, undecidedModel } from '../../../graph/limits.ts';
import { LEFT_OUT } from './model-file.ts';
import { readTensor } from './tensor-reader.ts';

const FLOAT = (2 << 3) | WIRE_FIXED32;
const FLOATS = (7 << 3) | WIRE_FIXED32;

/** Reads the attribute at the reader; `readGraph` the graph in one. */
export function readAttribute(reader: WireReader, readGraph: (reader: WireReader) => GraphProto): Attribute {
  const ints: number[] = [];
  const floats: number[] = [];
  const attribute = { name: '', int: 0, text: '', textCount: 0, hasOther: false, reference: '', isPartial: false };
  let tensor: TensorProto | undefined;
  let graph: GraphProto | undefined;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) attribute.name = reader.string();
    else if (reader.tag === varintTag(3)) attribute.int = reader.int64AsNumber();
    else if (reader.tag === lengthDelimited(4)) attribute.text = readText(reader);
    else if (reader.tag === lengthDelimited(5)) tensor = onlyOne(tensor, readTensor(reader));
    else if (reader.tag === lengthDelimited(6)) graph = onlyOne(graph, readGraph(reader));
    else if (reader.tag === varintTag(8)) ints.push(reader.int64AsNumber());
    else if (reader.tag === lengthDelimited(8)) readPackedInts(reader, ints);
    else if (reader.tag === FLOATS || reader.tag === FLOAT) readFloat(reader, floats);
    else if (reader.tag === lengthDelimited(7)) readPackedFloats(reader, floats);
    else if (reader.tag === lengthDelimited(21)) attribute.reference = reader.string();
    else if (reader.tag === varintTag(LEFT_OUT)) {
      attribute.isPartial = true;
      reader.skip();
    } else {
      attribute.hasOther ||= reader.field >= 9 && reader.field <= 11;
      if (reader.field === 9) attribute.textCount += 1;
      reader.skip();
    }
  }
  reader.leave(outer);
  return { ...attribute, ints, floats, tensor, graph };
}

/** Protobuf would merge the two. */
function onlyOne<T>(before: T | undefined, value: T): T {
  if (before !== undefined) throw undecidedModel('an attribute has two values');
  return value;
}

/** '' for a long text, such as a table of a runtime. */
function readText(reader: WireReader): string {
  const bytes = reader.bytesField();
  return bytes.length > SMALL_BYTES ? '' : new TextDecoder().decode(bytes);
}

function readPackedInts(reader: WireReader, ints: number[]): void {
  const outer = reader.enter();
  while (reader.position < reader.end) ints.push(reader.int64AsNumber());
  reader.leave(outer);
}

function readPackedFloats(reader: WireReader, floats: number[]): void {
  const outer = reader.enter();
  while (reader.position < reader.end) readFloat(reader, floats);
  reader.leave(outer);
}

function readFloat(reader: WireReader, floats: number[]): void {
  const at = reader.position;
  reader.advance(4);
  floats.push(reader.bytes.readFloatLE(at));
}
