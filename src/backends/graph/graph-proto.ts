/**
 * The parts of onnx.proto's messages that tell where rows go: nodes, attributes, types, the values of small tensors of
 * numbers. Large weights and texts are left out.
 */

/** TensorProto.DataType of floats: FLOAT, FLOAT16, DOUBLE, BFLOAT16. */
const FLOATS: ReadonlySet<number> = new Set([1, 10, 11, 16]);

/** Whether elements of this TensorProto.DataType are floats. */
export function isFloatType(type: number): boolean {
  return FLOATS.has(type);
}

/** UINT8, INT8, UINT16, INT16, UINT32, UINT64. */
const NARROW: ReadonlySet<number> = new Set([2, 3, 4, 5, 12, 13]);

/** Whether elements of this TensorProto.DataType are integers whose arithmetic wraps at less than int32's bounds, or at 0. */
export function isNarrowType(type: number): boolean {
  return NARROW.has(type);
}

/** TensorProto.DataType of texts. */
export const TEXT_TYPE = 8;

export interface TensorProto {
  readonly name: string;
  /** Its elements are floats. Absent = not known. */
  readonly isFloat?: boolean;
  /** They are texts. */
  readonly isText?: boolean;
  /** They are integers of 8 or 16 bits, or unsigned: arithmetic may wrap. */
  readonly isNarrow?: boolean;
  /** Undefined = not known. */
  readonly dims: readonly number[] | undefined;
  /** The elements in row-major order. Undefined if there are many, or they are no numbers, or in another file. */
  readonly elements: readonly number[] | undefined;
}

export interface Attribute {
  readonly name: string;
  readonly int: number;
  readonly text: string;
  readonly ints: readonly number[];
  /** A single float as well. */
  readonly floats: readonly number[];
  /** How many texts its list has; they are not read. */
  readonly textCount: number;
  readonly tensor: TensorProto | undefined;
  readonly graph: GraphProto | undefined;
  /** A list of texts, tensors or graphs, which no rule reads. */
  readonly hasOther: boolean;
  /** The name of the function's attribute that it stands for; '' = none. */
  readonly reference: string;
  /** Some of its values were too long to be read. */
  readonly isPartial: boolean;
}

export interface NodeProto {
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  /** '' = left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

export interface ValueInfo {
  readonly name: string;
  /** False for a sequence, a map or an optional. */
  readonly isTensor: boolean;
  /** Its elements are texts. */
  readonly isText: boolean;
  /** They are floats. */
  readonly isFloat: boolean;
  /** A number is a fixed dim, undefined any other; without dims the rank is free. */
  readonly dims: readonly (number | undefined)[] | undefined;
}

export interface GraphProto {
  readonly nodes: readonly NodeProto[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers: readonly TensorProto[];
}

export interface FunctionProto {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly defaults: ReadonlyMap<string, Attribute>;
  readonly nodes: readonly NodeProto[];
  readonly opsets: ReadonlyMap<string, number>;
}

export interface ModelProto {
  readonly graph: GraphProto;
  /** Versions by domain; '' is ai.onnx. */
  readonly opsets: ReadonlyMap<string, number>;
  /** The functions by `functionKey`. */
  readonly functions: ReadonlyMap<string, FunctionProto>;
}

/** The node in texts: node "x" (If). One without a name goes by its first output. */
export function nodeText({ name, op, domain, outputs }: NodeProto): string {
  const named = name === '' ? `that gives "${outputs[0] ?? ''}"` : `"${name}"`;
  return `node ${named} (${domain === '' ? op : `${domain}.${op}`})`;
}

/** ai.onnx and '' are one domain. */
export function domainOf(name: string): string {
  return name === 'ai.onnx' ? '' : name;
}

export function functionKey(domain: string, op: string): string {
  return `${domainOf(domain)}:${op}`;
}
