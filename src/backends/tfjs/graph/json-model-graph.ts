/**
 * Reads the graph of a model.json: a GraphDef in protobuf's JSON. Constants have their values in the weight files, of
 * which only small lists of integers are read.
 */
import { Buffer } from 'node:buffer';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { elementCount } from '../../../core/shape.ts';
import type { Attribute, NodeProto, TensorProto } from '../../graph/graph-proto.ts';
import { integersIn } from './saved-model-graph.ts';
import {
  constantOf,
  type KnownAttribute,
  MOST_CONSTANT_ELEMENTS,
  type TfFunction,
  type TfGraph,
  tfAttribute,
  tfNode,
} from './tf-graph.ts';

interface JsonShape {
  readonly dim?: readonly { readonly size?: string | number }[];
  readonly unknownRank?: boolean;
}

/** Numbers are texts in protobuf's JSON, and bytes are base64. */
interface JsonAttribute {
  readonly i?: string | number;
  readonly b?: boolean;
  readonly s?: string;
  readonly type?: string | number;
  readonly shape?: JsonShape;
  readonly tensor?: { readonly tensorShape?: JsonShape };
  readonly list?: { readonly i?: readonly (string | number)[]; readonly b?: readonly boolean[] };
  readonly func?: { readonly name?: string };
}

interface JsonNode {
  readonly name?: string;
  readonly op?: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, JsonAttribute>>;
}

interface JsonFunction {
  readonly signature?: {
    readonly name?: string;
    readonly inputArg?: readonly { readonly name?: string }[];
    readonly outputArg?: readonly { readonly name?: string }[];
  };
  readonly nodeDef?: readonly JsonNode[];
  readonly ret?: Readonly<Record<string, string>>;
}

interface JsonTopology {
  readonly node?: readonly JsonNode[];
  readonly library?: { readonly function?: readonly JsonFunction[] };
}

interface JsonWeight {
  readonly name?: string;
  readonly shape?: readonly number[];
  readonly dtype?: string;
  readonly quantization?: { readonly dtype?: string };
}

/** Files whose bytes are one sequence, and the weights in it. */
interface WeightGroup {
  readonly paths?: readonly string[];
  readonly weights?: readonly JsonWeight[];
}

/** `file` is the path of model.json. A weight file that cannot be read leaves its constants without values. */
export async function readJsonGraph(file: string, topology: unknown, weightsManifest: unknown): Promise<TfGraph> {
  const { node = [], library } = topology as JsonTopology;
  const groups = Array.isArray(weightsManifest) ? (weightsManifest as readonly WeightGroup[]) : [];
  const weights = await smallWeights(dirname(file), groups);
  const functions = (library?.function ?? []).map((each) => functionOf(each, weights));
  return {
    nodes: node.map((each) => nodeOf(each, weights)),
    functions: new Map(functions.map((each) => [each.name, each])),
  };
}

function functionOf({ signature, nodeDef = [], ret = {} }: JsonFunction, weights: Weights): TfFunction {
  const names = (args: readonly { readonly name?: string }[] = []): string[] => args.map(({ name = '' }) => name);
  return {
    name: signature?.name ?? '',
    inputs: names(signature?.inputArg),
    outputs: names(signature?.outputArg).map((name) => ret[name] ?? name),
    effects: [],
    nodes: nodeDef.map((each) => nodeOf(each, weights)),
  };
}

function nodeOf({ name = '', op = '', input = [], attr = {} }: JsonNode, weights: Weights): NodeProto {
  const attributes = new Map<string, Attribute>();
  for (const [key, value] of Object.entries(attr)) {
    const tensor = value.tensor && (weights.get(name) ?? constantOf(dimsOf(value.tensor.tensorShape)));
    attributes.set(key, tfAttribute(key, tensor === undefined ? attributeOf(value) : { tensor }));
  }
  return tfNode(name, op, input, attributes);
}

/** TensorFlow's numbers of the types that shapes are computed in. */
const TYPES: Readonly<Record<string, number>> = { DT_FLOAT: 1, DT_DOUBLE: 2, DT_INT32: 3, DT_INT64: 9, DT_BOOL: 10 };

function attributeOf({ i, b, s, type, shape, list, func }: JsonAttribute): KnownAttribute {
  if (i !== undefined) return { int: Number(i) };
  if (b !== undefined) return { int: Number(b) };
  if (s !== undefined) return { text: Buffer.from(s, 'base64').toString() };
  if (type !== undefined) return { int: typeof type === 'number' ? type : (TYPES[type] ?? 0) };
  if (func !== undefined) return { text: func.name ?? '' };
  if (list !== undefined) return { ints: (list.i ?? list.b ?? []).map(Number) };
  const dims = shape && dimsOf(shape);
  return dims === undefined ? { hasOther: shape !== undefined } : { ints: dims };
}

function dimsOf(shape: JsonShape | undefined): readonly number[] | undefined {
  return shape?.unknownRank === true ? undefined : (shape?.dim ?? []).map(({ size }) => Number(size ?? -1));
}

/** The constants by name: all have their dims, small lists of integers have their elements, too. */
type Weights = ReadonlyMap<string, TensorProto>;

const BYTES: Readonly<Record<string, number>> = {
  float32: 4,
  float16: 2,
  int32: 4,
  uint16: 2,
  uint8: 1,
  bool: 1,
  complex64: 8,
};

async function smallWeights(directory: string, groups: readonly WeightGroup[]): Promise<Weights> {
  const found = new Map<string, TensorProto>();
  for (const { paths = [], weights = [] } of groups) {
    let at: number | undefined = 0;
    for (const { name = '', shape = [], dtype = '', quantization } of weights) {
      const count = elementCount(shape);
      const width = BYTES[quantization?.dtype ?? dtype];
      const isSmall = (dtype === 'int32' || dtype === 'bool') && quantization === undefined;
      const isRead = isSmall && at !== undefined && width !== undefined && count <= MOST_CONSTANT_ELEMENTS;
      const bytes = isRead ? await bytesAt(directory, paths, at!, count * width) : undefined;
      const elements = bytes && integersIn(bytes, dtype as 'int32' | 'bool', count);
      found.set(name, constantOf(shape, elements));
      // The length of texts is in the file: what follows them is not found.
      at = at === undefined || width === undefined ? undefined : at + count * width;
    }
  }
  return found;
}

/** Bytes of the sequence of files; undefined if they are not in one of them. */
async function bytesAt(
  directory: string,
  paths: readonly string[],
  at: number,
  length: number,
): Promise<Buffer | undefined> {
  let start = at;
  for (const path of paths) {
    // TensorFlow.js finds them beside model.json, and nowhere else are they looked for.
    if (path.includes('/') || path.includes('\\')) return undefined;
    const handle = await open(join(directory, path)).catch(() => undefined);
    if (handle === undefined) return undefined;
    try {
      const { size } = await handle.stat();
      if (start + length <= size) {
        const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, start);
        return bytesRead === length ? buffer : undefined;
      }
      if (start < size) return undefined;
      start -= size;
    } finally {
      await handle.close();
    }
  }
  return undefined;
}
