/** A node with the values of its inputs: what a rule sees. */
import type { Attribute, GraphProto, NodeProto } from './graph-proto.ts';
import { asDimSymbol, dimSymbol, type Element, isDim, numberOf, opaque, type Size } from './size.ts';
import { type Dims, elementsOf, type Known, mixed, type Same, same, undecided, type Value } from './value.ts';

/** The values of a node's outputs; those that are not in the list cannot be followed. */
export type Outputs = Value | readonly Value[];
export type Rule = (call: NodeCall) => Outputs;
export type Rules = Readonly<Record<string, Rule>>;

/** Names for symbols, and how a graph in a node is followed. */
export interface Following {
  /** The number of rows: BATCH, or a number in a model of fixed rows. */
  readonly batch: Size;
  nextName(): string;
  elements(value: Value): readonly Element[] | undefined;
  /** The outputs of a graph in the node for its inputs; it also sees the values of the graph around it. */
  branch(graph: GraphProto, inputs: readonly Value[]): readonly Value[];
  /** Whether the value has floats; false = it may be of any type. */
  isFloat(value: Value): boolean;
  /** Whether the value may hold texts. */
  mayBeTexts(value: Value): boolean;
  /** The assumed value of a condition that no request changes; undefined = none yet. */
  assumed(condition: Size): boolean | undefined;
}

export class NodeCall {
  readonly node: NodeProto;
  /** The opset of the node's domain. */
  readonly opset: number;
  readonly inputs: readonly (Value | undefined)[];
  readonly following: Following;

  constructor(node: NodeProto, opset: number, inputs: readonly (Value | undefined)[], following: Following) {
    this.node = node;
    this.opset = opset;
    this.inputs = inputs;
    this.following = following;
  }

  get batch(): Size {
    return this.following.batch;
  }

  /** Whether input `i` is there. */
  has(i: number): boolean {
    return this.inputs[i] !== undefined;
  }

  /** Input `i` as data. Throws RowsLost if it holds the number of rows, or is not there. */
  data(i: number): Known {
    const value = this.inputs[i];
    if (value === undefined) throw undecided(`its input ${i} is missing`);
    if (value.kind === 'counts') throw mixed('it computes with the number of rows');
    if (value.kind === 'lost') throw undecided(value.reason);
    return value;
  }

  /** All inputs that are there, as data. */
  allData(from = 0): readonly Known[] {
    const known: Known[] = [];
    for (let i = from; i < this.inputs.length; i++) if (this.has(i)) known.push(this.data(i));
    return known;
  }

  /** Input `i` if it is the same for all requests. Throws RowsLost if not; undefined if it is not there. */
  constant(i: number, what: string): Same | undefined {
    if (!this.has(i)) return undefined;
    const value = this.data(i);
    if (value.kind === 'rows') throw mixed(`${what} comes from the rows`);
    return value;
  }

  /** The elements of input `i`, a small tensor of integers that the rows have no part in; undefined if not known. */
  elements(i: number): readonly Element[] | undefined {
    const value = this.inputs[i];
    if (value === undefined) return undefined;
    if (value.kind === 'rows') throw mixed(`its input ${i} comes from the rows`);
    return this.following.elements(value);
  }

  /** The same as plain numbers; undefined if one is none. */
  numbers(i: number): readonly number[] | undefined {
    const elements = this.elements(i)?.map(numberOf);
    return elements?.every((element) => element !== undefined) ? elements : undefined;
  }

  int(name: string, otherwise: number): number {
    return this.#attribute(name)?.int ?? otherwise;
  }

  text(name: string, otherwise = ''): string {
    return this.#attribute(name)?.text ?? otherwise;
  }

  ints(name: string): readonly number[] | undefined {
    return this.#attribute(name)?.ints;
  }

  floats(name: string): readonly number[] | undefined {
    return this.#attribute(name)?.floats;
  }

  /** How many texts are in a list of them; undefined if it is not there, or too long to be read. */
  textCount(name: string): number | undefined {
    const attribute = this.node.attributes.get(name);
    return attribute?.isPartial ? undefined : attribute?.textCount;
  }

  graph(name: string): GraphProto | undefined {
    return this.#attribute(name)?.graph;
  }

  hasAttribute(name: string): boolean {
    return this.node.attributes.has(name);
  }

  /** A dim that is not known. */
  unknownDim(): Size {
    return dimSymbol(this.following.nextName());
  }

  /** A dim that follows from the operands by an operation, whatever they are: equal operands give equal dims. */
  dimOf(operation: string, operands: readonly Element[]): Size {
    const size = opaque(operation, operands);
    return size === undefined ? this.unknownDim() : asDimSymbol(size);
  }

  /** A size that has no part of the rows as a dim; one that is not known, or may be negative, is any. */
  asDim(size: Element): Size {
    return size !== undefined && isDim(size) ? size : this.unknownDim();
  }

  unknownDims(count: number): Dims {
    return Array.from({ length: count }, () => this.unknownDim());
  }

  #attribute(name: string): Attribute | undefined {
    const attribute = this.node.attributes.get(name);
    if (attribute?.isPartial) throw undecided(`its attribute "${name}" is too long to be read`);
    return attribute;
  }
}

/** The graph is to be followed twice: once with the condition true, once false. */
export class Fork extends Error {
  readonly condition: Size;

  constructor(condition: Size) {
    super('a condition is not known');
    this.condition = condition;
  }
}

/** A value of any rank, the same for all requests. */
export const ANY_CONSTANT = same(undefined);

/** `axis` counted from the front. Throws RowsLost if there is no such axis. */
export function axisFromFront(axis: number, rank: number): number {
  const front = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(front) || front < 0 || front >= rank) throw undecided(`it has no axis ${axis}`);
  return front;
}

/** Names for the symbols of one walk. */
export class Names {
  readonly #named = new WeakMap<Value, readonly Element[]>();
  #last = 0;

  next(): string {
    this.#last += 1;
    return String(this.#last);
  }

  /** The elements of a small tensor, for `Following.elements`: symbols are named once for each value. */
  elements(value: Value): readonly Element[] | undefined {
    const before = this.#named.get(value);
    if (before !== undefined) return before;
    const elements = elementsOf(value, this.next());
    if (elements !== undefined) this.#named.set(value, elements);
    return elements;
  }
}
