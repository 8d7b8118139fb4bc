/**
 * Small SavedModels, written without TensorFlow: a graph of nodes, and signatures that name its tensors.
 */
import { Buffer } from 'node:buffer';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesField, mapField, message, messageField, varintField } from '../../src/codec/protobuf/wire-writer.ts';
import { DATA_TYPES } from '../../src/codec/tensorflow/tensor-proto/tf-dtype.ts';
import type { DType } from '../../src/core/dtype.ts';

export interface TfTensorInfo {
  readonly name: string;
  readonly dtype: DType | number;
  /** -1 = any size; undefined = any rank. */
  readonly shape: readonly number[] | undefined;
}

export interface TfNode {
  readonly name: string;
  readonly op: string;
  readonly inputs?: readonly string[];
  /** AttrValue messages by name: `typeAttr` and the like. */
  readonly attrs: Readonly<Record<string, Uint8Array>>;
}

export interface TfSignature {
  readonly inputs: Readonly<Record<string, TfTensorInfo>>;
  readonly outputs: Readonly<Record<string, TfTensorInfo>>;
  readonly methodName?: string;
  /** Input → a serialized TensorProto. */
  readonly defaults?: Readonly<Record<string, Uint8Array>>;
}

/** A function of the library; its nodes name inputs as functions do, "node:output_arg:index". */
export interface TfFunctionDef {
  readonly name: string;
  /** Types of the arguments by name. */
  readonly inputs: Readonly<Record<string, DType | number>>;
  readonly outputs: Readonly<Record<string, DType | number>>;
  readonly nodes: readonly TfNode[];
  /** Output → the tensor that it is. */
  readonly returns: Readonly<Record<string, string>>;
  /** Nodes that run for their effects. */
  readonly effects?: readonly string[];
}

export interface TfModel {
  readonly nodes: readonly TfNode[];
  readonly functions?: readonly TfFunctionDef[];
  readonly signatures: Readonly<Record<string, TfSignature>>;
  readonly tags?: readonly string[];
}

/** GraphDef's version: any that TensorFlow 2 reads. */
const PRODUCER = 1882;

export const typeAttr = (dtype: DType | number): Uint8Array => varintField(6, numberOf(dtype));
export const shapeAttr = (shape: readonly number[] | undefined): Uint8Array => messageField(7, shapeProto(shape));
export const intAttr = (value: number): Uint8Array =>
  value === 0 ? Uint8Array.of(0x18, 0) : varintField(3, BigInt(value));
export const flagAttr = (value: boolean): Uint8Array => Uint8Array.of(0x28, Number(value));
export const textAttr = (text: string): Uint8Array => bytesField(2, text);
export const intsAttr = (values: readonly number[]): Uint8Array =>
  messageField(
    1,
    message(...values.map((value) => (value === 0 ? Uint8Array.of(0x18, 0) : varintField(3, BigInt(value))))),
  );
export const typesAttr = (types: readonly (DType | number)[]): Uint8Array =>
  messageField(1, message(...types.map((type) => varintField(6, numberOf(type)))));
export const functionAttr = (name: string): Uint8Array => messageField(10, bytesField(1, name));
export const tensorAttr = (proto: Uint8Array): Uint8Array => messageField(8, proto);

/** A TensorProto with tensor_content; a string's bytes are its only element. */
export function tensorProto(dtype: DType, shape: readonly number[], content: Uint8Array): Uint8Array {
  const data = dtype === 'string' ? messageField(8, content) : messageField(4, content);
  return message(varintField(1, numberOf(dtype)), messageField(2, shapeProto(shape)), data);
}

/** The bytes of saved_model.pb. */
export function savedModel({ nodes, functions = [], signatures, tags = ['serve'] }: TfModel): Uint8Array {
  const library = message(...functions.map((each) => messageField(1, functionDef(each))));
  const graph = message(
    ...nodes.map((node) => messageField(1, nodeDef(node))),
    ...(functions.length > 0 ? [messageField(2, library)] : []),
    messageField(4, varintField(1, PRODUCER)),
  );
  const metaGraph = message(
    messageField(1, message(...tags.map((tag) => bytesField(4, tag)))),
    messageField(2, graph),
    ...Object.entries(signatures).map(([name, signature]) => mapField(5, name, signatureDef(signature))),
  );
  return message(varintField(1, 1), messageField(2, metaGraph));
}

export function writeSavedModel(directory: string, model: TfModel): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'saved_model.pb'), savedModel(model));
}

/** An Int32Array or BigInt64Array as a Const. */
export function integers(name: string, values: Int32Array | BigInt64Array, shape = [values.length]): TfNode {
  const dtype = values instanceof Int32Array ? 'int32' : 'int64';
  const content = new Uint8Array(values.buffer);
  return {
    name,
    op: 'Const',
    attrs: { dtype: typeAttr(dtype), value: tensorAttr(tensorProto(dtype, shape, content)) },
  };
}

/** Floats as a Const. */
export function floatConst(name: string, values: Float32Array, shape = [values.length]): TfNode {
  const value = tensorAttr(tensorProto('float32', shape, new Uint8Array(values.buffer)));
  return { name, op: 'Const', attrs: { dtype: typeAttr('float32'), value } };
}

function functionDef({ name, inputs, outputs, nodes, returns, effects = [] }: TfFunctionDef): Uint8Array {
  const args = (field: number, types: TfFunctionDef['inputs']): Uint8Array[] =>
    Object.entries(types).map(([arg, type]) =>
      messageField(field, message(bytesField(1, arg), varintField(3, numberOf(type)))),
    );
  const controls = effects.map((effect) => bytesField(20, effect));
  return message(
    messageField(1, message(bytesField(1, name), ...args(2, inputs), ...args(3, outputs), ...controls)),
    ...nodes.map((node) => messageField(3, nodeDef(node))),
    ...Object.entries(returns).map(([output, tensor]) => mapField(4, output, Buffer.from(tensor))),
    ...effects.map((effect) => mapField(6, effect, Buffer.from(effect))),
  );
}

function nodeDef({ name, op, inputs = [], attrs }: TfNode): Uint8Array {
  return message(
    bytesField(1, name),
    bytesField(2, op),
    ...inputs.map((input) => bytesField(3, input)),
    ...Object.entries(attrs).map(([key, value]) => mapField(5, key, value)),
  );
}

function signatureDef({
  inputs,
  outputs,
  methodName = 'tensorflow/serving/predict',
  defaults = {},
}: TfSignature): Uint8Array {
  const infos = (field: number, tensors: TfSignature['inputs']): Uint8Array[] =>
    Object.entries(tensors).map(([alias, info]) => mapField(field, alias, tensorInfo(info)));
  return message(
    ...infos(1, inputs),
    ...infos(2, outputs),
    bytesField(3, methodName),
    ...Object.entries(defaults).map(([alias, proto]) => mapField(4, alias, proto)),
  );
}

function tensorInfo({ name, dtype, shape }: TfTensorInfo): Uint8Array {
  return message(bytesField(1, name), varintField(2, numberOf(dtype)), messageField(3, shapeProto(shape)));
}

function shapeProto(shape: readonly number[] | undefined): Uint8Array {
  if (shape === undefined) return varintField(3, true);
  return message(...shape.map((dim) => messageField(2, varintField(1, BigInt(dim)))));
}

function numberOf(dtype: DType | number): number {
  return typeof dtype === 'number' ? dtype : DATA_TYPES[dtype];
}
