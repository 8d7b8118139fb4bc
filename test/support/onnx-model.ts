/**
 * Small ONNX models made by hand: a ModelProto as bytes, no Python and no protobuf library needed.
 *
 * Knows just enough of onnx.proto for tests: nodes with integer attributes, numeric initializers, tensor and sequence
 * types with symbolic, free or fixed dims. Field numbers stand beside the words of onnx.proto they belong to.
 */
import { Buffer } from 'node:buffer';
import type { DType } from '../../src/core/dtype.ts';

/** A number is a fixed dim, a string a symbolic one, '' a free dim without a name. */
export type OnnxDim = number | string;

export interface OnnxValue {
  readonly name: string;
  readonly dtype: DType;
  /** Undefined = the model says nothing of the rank. */
  readonly dims: readonly OnnxDim[] | undefined;
  /** A sequence of such tensors instead of one. */
  readonly isSequence?: boolean;
  /** An optional tensor instead of one. */
  readonly isOptional?: boolean;
  /** A sequence of maps from such keys to numbers: what ZipMap gives. */
  readonly mapKeys?: 'int64' | 'string';
}

export interface OnnxNode {
  readonly op: string;
  /** Default: ai.onnx. */
  readonly domain?: 'ai.onnx.ml' | 'com.microsoft' | undefined;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | string | readonly number[] | readonly string[]>>;
}

export interface OnnxInitializer {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  /** Little-endian elements. */
  readonly data: Uint8Array;
  /** The elements are in another file, from this byte on, and `data` says how many bytes; `isRest`: the model does not. */
  readonly external?: { readonly location: string; readonly offset: number; readonly isRest?: boolean };
  /** The elements are in another file, by these entries as they are; `data` is not read. */
  readonly entries?: Readonly<Record<string, string>>;
}

export interface OnnxGraph {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
  readonly initializers?: readonly OnnxInitializer[];
}

const ELEMENT_TYPES: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
};

/** The number that ONNX has for a dtype, as the attribute `to` of Cast wants it. */
export function onnxElementType(dtype: DType): number {
  return ELEMENT_TYPES[dtype];
}

/** The graph as a model file of IR version 8, opset 17 (ai.onnx.ml 3): what onnxruntime has read since 1.12. */
export function onnxModel(graph: OnnxGraph): Buffer {
  const opsets = [message(varintField(2, 17)), message(textField(1, 'ai.onnx.ml'), varintField(2, 3))];
  return message(varintField(1, 8), ...opsets.map((opset) => bytesField(8, opset)), bytesField(7, graphProto(graph)));
}

function graphProto(graph: OnnxGraph): Buffer {
  return message(
    ...graph.nodes.map((n) => bytesField(1, nodeProto(n))),
    textField(2, 'test'),
    ...(graph.initializers ?? []).map((t) => bytesField(5, tensorProto(t))),
    ...graph.inputs.map((v) => bytesField(11, valueInfoProto(v))),
    ...graph.outputs.map((v) => bytesField(12, valueInfoProto(v))),
  );
}

function nodeProto(node: OnnxNode): Buffer {
  return message(
    ...node.inputs.map((name) => textField(1, name)),
    ...node.outputs.map((name) => textField(2, name)),
    textField(4, node.op),
    ...Object.entries(node.attributes ?? {}).map(([name, value]) => bytesField(5, attributeProto(name, value))),
    ...(node.domain === undefined ? [] : [textField(7, node.domain)]),
  );
}

function attributeProto(name: string, value: number | string | readonly number[] | readonly string[]): Buffer {
  const INT = 2;
  const INTS = 7;
  const STRINGS = 8;
  const STRING = 3;
  if (typeof value === 'string') return message(textField(1, name), textField(4, value), varintField(20, STRING));
  if (typeof value === 'number') return message(textField(1, name), varintField(3, value), varintField(20, INT));
  const list = value.map((v) => (typeof v === 'number' ? varintField(8, v) : textField(9, v)));
  return message(textField(1, name), ...list, varintField(20, typeof value[0] === 'string' ? STRINGS : INTS));
}

function tensorProto(tensor: OnnxInitializer): Buffer {
  return message(
    ...tensor.dims.map((d) => varintField(1, d)),
    varintField(2, ELEMENT_TYPES[tensor.dtype]),
    textField(8, tensor.name),
    ...valueFields(tensor),
  );
}

function valueFields({ data, entries, external }: OnnxInitializer): Buffer[] {
  if (entries !== undefined) return entryFields(entries);
  return external === undefined ? [bytesField(9, data)] : externalFields(external, data);
}

function externalFields(external: NonNullable<OnnxInitializer['external']>, data: Uint8Array): Buffer[] {
  const { location, offset, isRest } = external;
  const entries = { location, offset: String(offset) };
  const all = isRest === true ? entries : { ...entries, length: String(data.length) };
  return entryFields(all);
}

function entryFields(entries: Readonly<Record<string, string>>): Buffer[] {
  const EXTERNAL = 1;
  const fields = Object.entries(entries).map(([key, value]) =>
    bytesField(13, message(textField(1, key), textField(2, value))),
  );
  return [...fields, varintField(14, EXTERNAL)];
}

function valueInfoProto(value: OnnxValue): Buffer {
  if (value.mapKeys !== undefined) {
    const float = bytesField(1, message(varintField(1, ELEMENT_TYPES.float32)));
    const map = message(varintField(1, ELEMENT_TYPES[value.mapKeys]), bytesField(2, float));
    return message(textField(1, value.name), bytesField(2, bytesField(4, bytesField(1, bytesField(5, map)))));
  }
  const shape = value.dims && bytesField(2, message(...value.dims.map((d) => bytesField(1, dimProto(d)))));
  const tensorType = message(varintField(1, ELEMENT_TYPES[value.dtype]), ...(shape ? [shape] : []));
  const type = bytesField(1, tensorType);
  const OPTIONAL = 9;
  const SEQUENCE = 4;
  const outer = value.isOptional ? OPTIONAL : value.isSequence ? SEQUENCE : undefined;
  const whole = outer === undefined ? type : bytesField(outer, bytesField(1, type));
  return message(textField(1, value.name), bytesField(2, whole));
}

function dimProto(dim: OnnxDim): Buffer {
  if (typeof dim === 'number') return varintField(1, dim);
  return dim === '' ? message() : textField(2, dim);
}

function message(...fields: readonly Uint8Array[]): Buffer {
  return Buffer.concat(fields);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

function varintField(field: number, value: number): Buffer {
  return message(varint(field << 3), varint(value));
}

function bytesField(field: number, bytes: Uint8Array): Buffer {
  return message(varint((field << 3) | 2), varint(bytes.byteLength), bytes);
}

function textField(field: number, text: string): Buffer {
  return bytesField(field, Buffer.from(text, 'utf8'));
}
