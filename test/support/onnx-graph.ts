/**
 * Small ONNX graphs as bytes, for tests of what a graph does: attributes of every kind, graphs in nodes, functions, any
 * opset. Field numbers are those of onnx.proto.
 */
import { Buffer } from 'node:buffer';
import { bytesField, message, messageField, varintField } from '../../src/codec/protobuf/wire-writer.ts';

/** A number is a fixed dim, a string a free one. */
export type GraphDims = readonly (number | string)[];

export interface GraphTensor {
  /** The values of float16 are bit patterns. */
  readonly type: 'float' | 'float16' | 'double' | 'int64' | 'int32' | 'int8' | 'uint8' | 'uint32' | 'bool' | 'string';
  readonly dims: readonly number[];
  readonly values: readonly (number | bigint | string)[];
}

export type GraphAttribute =
  | number
  | string
  | readonly number[]
  | { readonly floats: readonly number[] }
  | { readonly float: number }
  | { readonly strings: readonly string[] }
  | { readonly tensor: GraphTensor }
  | { readonly graph: Graph }
  | { readonly reference: string; readonly kind?: 'int' | 'ints' };

export interface GraphNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, GraphAttribute>> | undefined;
  readonly domain?: string;
  readonly name?: string;
}

export interface GraphValue {
  readonly type: GraphTensor['type'];
  /** Undefined = any rank. */
  readonly dims?: GraphDims | undefined;
  readonly isSequence?: boolean;
}

export interface Graph {
  readonly inputs: Readonly<Record<string, GraphValue>>;
  readonly outputs: Readonly<Record<string, GraphValue>>;
  readonly nodes: readonly GraphNode[];
  readonly constants?: Readonly<Record<string, GraphTensor>>;
}

export interface GraphFunction {
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: readonly string[];
  /** Attributes with a value for calls that give none. */
  readonly defaults?: GraphNode['attributes'];
  readonly nodes: readonly GraphNode[];
  /** The version of ai.onnx; 17 by default. */
  readonly opset?: number;
  /** The domains of functions that it calls. */
  readonly calls?: readonly string[];
}

export interface GraphModel extends Graph {
  /** Versions by domain; '' is ai.onnx, 17 by default. */
  readonly opsets?: Readonly<Record<string, number>>;
  readonly functions?: readonly GraphFunction[];
}

/** The numbers of TensorProto.DataType. */
export const ELEMENT_TYPES = {
  ...{ float: 1, uint8: 2, int8: 3, int32: 6, int64: 7, string: 8, bool: 9, float16: 10, double: 11, uint32: 12 },
} as const;
const DEFAULT_OPSETS = { '': 17, 'ai.onnx.ml': 3, 'com.microsoft': 1 };

/** A tensor of float32, or of one dim if no dims are given. */
export function floats(values: readonly number[], dims: readonly number[] = [values.length]): GraphTensor {
  return { type: 'float', dims, values };
}

export function int64s(values: readonly number[], dims: readonly number[] = [values.length]): GraphTensor {
  return { type: 'int64', dims, values };
}

export function node(
  op: string,
  inputs: string,
  outputs: string,
  attributes?: GraphNode['attributes'],
  domain = '',
): GraphNode {
  const names = (list: string) => list.split(' ').map((name) => (name === '-' ? '' : name));
  return { op, inputs: inputs === '' ? [] : names(inputs), outputs: names(outputs), attributes, domain };
}

/** The model as a file of IR version 8. */
export function graphModel(model: GraphModel): Buffer {
  const opsets = Object.entries({ ...DEFAULT_OPSETS, ...model.opsets });
  const functions = model.functions ?? [];
  const domains = new Set(functions.map(({ domain }) => domain));
  return Buffer.from(
    message(
      varintField(1, 8),
      messageField(7, graphProto(model)),
      ...opsets.map(([domain, version]) => messageField(8, opset(domain, version))),
      ...[...domains].map((domain) => messageField(8, opset(domain, 1))),
      ...functions.map((called) => messageField(25, functionProto(called))),
    ),
  );
}

function opset(domain: string, version: number): Uint8Array {
  return message(bytesField(1, domain), varintField(2, version));
}

/** ai.onnx.ml as models have it, and functions of the model. */
function opsetOf(domain: string): Uint8Array {
  return opset(domain, domain === 'ai.onnx.ml' ? DEFAULT_OPSETS['ai.onnx.ml'] : 1);
}

function functionProto(called: GraphFunction): Uint8Array {
  const { domain, name, inputs, outputs, attributes = [], defaults = {}, nodes, opset: version = 17 } = called;
  return message(
    bytesField(1, name),
    ...inputs.map((input) => bytesField(4, input)),
    ...outputs.map((output) => bytesField(5, output)),
    ...attributes.map((attribute) => bytesField(6, attribute)),
    ...nodes.map((inner) => messageField(7, nodeProto(inner))),
    ...[...new Set(['ai.onnx.ml', ...(called.calls ?? [])])].map((other) => messageField(9, opsetOf(other))),
    messageField(9, opset('', version)),
    bytesField(10, domain),
    ...Object.entries(defaults).map(([key, value]) => messageField(11, attributeProto(key, value))),
  );
}

function graphProto({ inputs, outputs, nodes, constants = {} }: Graph): Uint8Array {
  return message(
    ...nodes.map((inner) => messageField(1, nodeProto(inner))),
    bytesField(2, 'graph'),
    ...Object.entries(constants).map(([name, tensor]) => messageField(5, tensorProto(tensor, name))),
    ...Object.entries(inputs).map(([name, value]) => messageField(11, valueProto(name, value))),
    ...Object.entries(outputs).map(([name, value]) => messageField(12, valueProto(name, value))),
  );
}

function nodeProto({ op, inputs, outputs, attributes = {}, domain = '', name = '' }: GraphNode): Uint8Array {
  return message(
    ...inputs.map((input) => messageField(1, input)),
    ...outputs.map((output) => messageField(2, output)),
    bytesField(3, name),
    bytesField(4, op),
    ...Object.entries(attributes).map(([key, value]) => messageField(5, attributeProto(key, value))),
    bytesField(7, domain),
  );
}

function attributeProto(name: string, value: GraphAttribute): Uint8Array {
  const [type, fields] = attributeFields(value);
  return message(bytesField(1, name), ...fields, varintField(20, type));
}

function attributeFields(value: GraphAttribute): readonly [type: number, fields: readonly Uint8Array[]] {
  if (typeof value === 'number') return [2, [varintField(3, value)]];
  if (typeof value === 'string') return [3, [bytesField(4, value)]];
  if ('graph' in value) return [5, [messageField(6, graphProto(value.graph))]];
  if ('tensor' in value) return [4, [messageField(5, tensorProto(value.tensor, ''))]];
  if ('strings' in value) return [8, value.strings.map((text) => messageField(9, text))];
  if ('float' in value) return [1, [fixed32Field(2, value.float)]];
  if ('floats' in value) return [6, value.floats.map((number) => fixed32Field(7, number))];
  // The kind of a reference is that of the function's attribute.
  if ('reference' in value) return [value.kind === 'ints' ? 7 : 2, [bytesField(21, value.reference)]];
  return [7, value.map((number) => repeatedVarint(8, number))];
}

/** Unlike a singular field, an element that is 0 is written. */
function repeatedVarint(field: number, value: number): Uint8Array {
  return value === 0 ? Buffer.from([field << 3, 0]) : varintField(field, value);
}

function fixed32Field(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(5);
  bytes[0] = (field << 3) | 5;
  bytes.writeFloatLE(value, 1);
  return bytes;
}

function tensorProto({ type, dims, values }: GraphTensor, name: string): Uint8Array {
  const texts = type === 'string' ? values.map((text) => messageField(6, String(text))) : [];
  const raw =
    type === 'string'
      ? Buffer.alloc(0)
      : Buffer.concat(values.map((value) => rawElement(type, value as number | bigint)));
  return message(
    ...dims.map((dim) => repeatedVarint(1, dim)),
    varintField(2, ELEMENT_TYPES[type]),
    ...texts,
    bytesField(8, name),
    ...(type === 'string' ? [] : [messageField(9, raw)]),
  );
}

function rawElement(type: GraphTensor['type'], value: number | bigint): Buffer {
  switch (type) {
    case 'bool':
    case 'uint8':
    case 'int8':
      return Buffer.from([Number(value) & 0xff]);
    case 'float':
      return Buffer.from(Float32Array.of(Number(value)).buffer);
    case 'float16':
      return Buffer.from(Uint16Array.of(Number(value)).buffer);
    case 'double':
      return Buffer.from(Float64Array.of(Number(value)).buffer);
    case 'int32':
    case 'uint32':
      return Buffer.from(Int32Array.of(Number(value)).buffer);
    default:
      return Buffer.from(BigInt64Array.of(BigInt(value)).buffer);
  }
}

function valueProto(name: string, { type, dims, isSequence = false }: GraphValue): Uint8Array {
  const shape = dims?.map((dim) => messageField(1, typeof dim === 'number' ? varintField(1, dim) : bytesField(2, dim)));
  const tensor = message(
    varintField(1, ELEMENT_TYPES[type]),
    ...(shape === undefined ? [] : [messageField(2, message(...shape))]),
  );
  const tensorType = messageField(1, tensor);
  const typeProto = isSequence ? messageField(4, messageField(1, tensorType)) : tensorType;
  return message(bytesField(1, name), messageField(2, typeProto));
}
