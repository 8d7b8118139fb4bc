/** Reads a ModelProto's bytes; field numbers are those of onnx.proto. */
import type { Buffer } from 'node:buffer';
import { setImmediate } from 'node:timers/promises';
import {
  lengthDelimited,
  nextRun,
  varintTag,
  WIRE_VARINT,
  WireReader,
} from '../../../../codec/protobuf/wire-reader.ts';
import {
  type Attribute,
  domainOf,
  type FunctionProto,
  functionKey,
  type GraphProto,
  isFloatType,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfo,
} from '../../../graph/graph-proto.ts';
import { MOST_DIMS, MOST_NESTED, undecidedModel } from '../../../graph/limits.ts';
import { readAttribute } from './attribute-reader.ts';
import { readTensor } from './tensor-reader.ts';

/** TensorProto.DataType.STRING. */
const TEXT = 8;
/** The nodes after which the event loop has a turn. */
const NODES_A_TURN = 500;

/** Throws ServingError or UndecidedModel for bytes that are no model, or one beyond the limits. */
export async function readModel(bytes: Buffer): Promise<ModelProto> {
  const reader = new WireReader(bytes, 'the model');
  const graph = emptyGraph();
  const opsets = new Map<string, number>();
  const functions = new Map<string, FunctionProto>();
  while (reader.next()) {
    if (reader.tag === lengthDelimited(7)) await readTopGraph(reader, graph);
    else if (reader.tag === lengthDelimited(8)) readOpset(reader, opsets);
    else if (reader.tag === lengthDelimited(25)) readFunction(reader, functions);
    else reader.skip();
  }
  return { graph, opsets, functions };
}

interface MutableGraph {
  readonly nodes: NodeProto[];
  readonly inputs: ValueInfo[];
  readonly outputs: ValueInfo[];
  readonly initializers: TensorProto[];
}

function emptyGraph(): MutableGraph {
  return { nodes: [], inputs: [], outputs: [], initializers: [] };
}

async function readTopGraph(reader: WireReader, graph: MutableGraph): Promise<void> {
  const outer = reader.enter();
  for (let count = 1; reader.next(); count++) {
    readGraphField(reader, graph, 1);
    if (count % NODES_A_TURN === 0) await setImmediate();
  }
  reader.leave(outer);
}

/** A graph in an attribute. */
function readSubgraph(reader: WireReader, depth: number): GraphProto {
  if (depth > MOST_NESTED) throw undecidedModel(`its graphs are nested more than ${MOST_NESTED} deep`);
  const graph = emptyGraph();
  const outer = reader.enter();
  while (reader.next()) readGraphField(reader, graph, depth);
  reader.leave(outer);
  return graph;
}

function readGraphField(reader: WireReader, graph: MutableGraph, depth: number): void {
  switch (reader.tag) {
    case lengthDelimited(1):
      graph.nodes.push(readNode(reader, depth));
      return;
    case lengthDelimited(5):
      graph.initializers.push(readTensor(reader));
      return;
    case lengthDelimited(11):
      graph.inputs.push(readValueInfo(reader));
      return;
    case lengthDelimited(12):
      graph.outputs.push(readValueInfo(reader));
      return;
    case lengthDelimited(15):
      graph.initializers.push(readSparseTensor(reader));
      return;
    default:
      reader.skip();
  }
}

function readNode(reader: WireReader, depth: number): NodeProto {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, Attribute>();
  let name = '';
  let op = '';
  let domain = '';
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) inputs.push(reader.string());
    else if (reader.tag === lengthDelimited(2)) outputs.push(reader.string());
    else if (reader.tag === lengthDelimited(3)) name = reader.string();
    else if (reader.tag === lengthDelimited(4)) op = reader.string();
    else if (reader.tag === lengthDelimited(7)) domain = domainOf(reader.string());
    else if (reader.tag === lengthDelimited(5)) {
      const attribute = readAttribute(reader, (inner) => readSubgraph(inner, depth + 1));
      attributes.set(attribute.name, attribute);
    } else reader.skip();
  }
  reader.leave(outer);
  return { name, op, domain, inputs, outputs, attributes };
}

function readFunction(reader: WireReader, functions: Map<string, FunctionProto>): void {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const nodes: NodeProto[] = [];
  const opsets = new Map<string, number>();
  const defaults = new Map<string, Attribute>();
  let name = '';
  let domain = '';
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) name = reader.string();
    else if (reader.tag === lengthDelimited(4)) inputs.push(reader.string());
    else if (reader.tag === lengthDelimited(5)) outputs.push(reader.string());
    else if (reader.tag === lengthDelimited(7)) nodes.push(readNode(reader, 1));
    else if (reader.tag === lengthDelimited(9)) readOpset(reader, opsets);
    else if (reader.tag === lengthDelimited(10)) domain = reader.string();
    else if (reader.tag === lengthDelimited(11)) {
      const attribute = readAttribute(reader, (inner) => readSubgraph(inner, 1));
      defaults.set(attribute.name, attribute);
    } else reader.skip();
  }
  reader.leave(outer);
  const key = functionKey(domain, name);
  if (functions.has(key)) throw undecidedModel(`it has two functions ${key}`);
  functions.set(key, { inputs, outputs, defaults, nodes, opsets });
}

function readOpset(reader: WireReader, opsets: Map<string, number>): void {
  let domain = '';
  let version = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) domain = domainOf(reader.string());
    else if (reader.tag === varintTag(2)) version = reader.int64AsNumber();
    else reader.skip();
  }
  reader.leave(outer);
  opsets.set(domain, version);
}

/** Its values have the name of the initializer; its dims are not followed. */
function readSparseTensor(reader: WireReader): TensorProto {
  let name = '';
  let isFloat: boolean | undefined;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) ({ name, isFloat } = readTensor(reader));
    else reader.skip();
  }
  reader.leave(outer);
  return { name, isFloat: isFloat === true, dims: undefined, elements: undefined };
}

function readValueInfo(reader: WireReader): ValueInfo {
  let name = '';
  let type: Omit<ValueInfo, 'name'> = { isTensor: true, isText: false, isFloat: false, dims: undefined };
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) name = reader.string();
    else if (reader.tag === lengthDelimited(2)) type = readType(reader);
    else reader.skip();
  }
  reader.leave(outer);
  return { name, ...type };
}

function readType(reader: WireReader): Omit<ValueInfo, 'name'> {
  let isTensor = true;
  let elements = 0;
  let dims: (number | undefined)[] | undefined;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag !== lengthDelimited(1)) {
      isTensor &&= reader.tag !== lengthDelimited(4) && reader.tag !== lengthDelimited(5) && reader.field < 8;
      reader.skip();
      continue;
    }
    const type = reader.enter();
    while (reader.next()) {
      if (reader.tag === lengthDelimited(2)) dims = readDims(reader, dims);
      else if (reader.tag === varintTag(1)) elements = reader.varint();
      else reader.skip();
    }
    reader.leave(type);
  }
  reader.leave(outer);
  return { isTensor, isText: elements === TEXT, isFloat: isFloatType(elements), dims };
}

function readDims(reader: WireReader, before: (number | undefined)[] = []): (number | undefined)[] {
  const outer = reader.enter();
  const run = { start: 0, end: 0 };
  while (nextRun(reader, 1, WIRE_VARINT, run)) {
    const { end } = reader;
    reader.position = run.start;
    reader.end = run.end;
    let dim: number | undefined;
    while (reader.next()) {
      if (reader.tag === varintTag(1)) dim = reader.int64AsNumber();
      else reader.skip();
    }
    reader.end = end;
    // -1 and 0 stand for any size in models of some exporters.
    before.push(dim !== undefined && dim > 0 ? dim : undefined);
  }
  reader.leave(outer);
  if (before.length > MOST_DIMS) throw undecidedModel(`a tensor has more than ${MOST_DIMS} dims`);
  return before;
}
