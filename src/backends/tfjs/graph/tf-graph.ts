/**
 * A GraphDef as the row rules read it: its nodes in the form of ONNX's, whose rules they share, and its functions. Only
 * small constants of integers have their values. saved-model-graph.ts and json-model-graph.ts read it.
 *
 * Attributes keep their TensorFlow names: a number, a flag or a type is `int`, a text or a function's name is `text`, a
 * list or a shape is `ints`.
 */
import type { Attribute, NodeProto, TensorProto } from '../../graph/graph-proto.ts';

export interface TfFunction {
  readonly name: string;
  /** Names of its arguments, in order. */
  readonly inputs: readonly string[];
  /** The returned values, in order: "node:output_arg:index" or an argument's name. */
  readonly outputs: readonly string[];
  /** Nodes that run for their effects. */
  readonly effects: readonly string[];
  readonly nodes: readonly NodeProto[];
}

export interface TfGraph {
  readonly nodes: readonly NodeProto[];
  readonly functions: ReadonlyMap<string, TfFunction>;
}

/** The facts of an attribute that a rule may ask for. */
export type KnownAttribute = Partial<Pick<Attribute, 'int' | 'text' | 'ints' | 'tensor' | 'hasOther' | 'isPartial'>>;

const NO_INTS: readonly number[] = [];

export function tfAttribute(name: string, known: KnownAttribute): Attribute {
  return {
    name,
    int: known.int ?? 0,
    text: known.text ?? '',
    ints: known.ints ?? NO_INTS,
    floats: NO_INTS,
    textCount: 0,
    tensor: known.tensor,
    graph: undefined,
    hasOther: known.hasOther ?? false,
    reference: '',
    isPartial: known.isPartial ?? false,
  };
}

export function tfNode(
  name: string,
  op: string,
  inputs: readonly string[],
  attributes: ReadonlyMap<string, Attribute>,
): NodeProto {
  return { name, op, domain: '', inputs, outputs: [], attributes };
}

/** More elements than a shape, a list of axes or of paddings has. */
export const MOST_CONSTANT_ELEMENTS = 64;

/** A constant without its values. */
export function constantOf(dims: readonly number[] | undefined, elements?: readonly number[]): TensorProto {
  return { name: '', dims, elements };
}
