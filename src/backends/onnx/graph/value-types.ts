/** The values of a walk that are floats for sure, and those that may be texts. */
import { type NodeProto, TEXT_TYPE } from '../../graph/graph-proto.ts';
import { ANY_CONSTANT } from '../../graph/node-call.ts';
import type { Value } from '../../graph/value.ts';
import { givesFloats } from './float-values.ts';

interface ElementKind {
  readonly isFloat?: boolean;
  readonly isText?: boolean;
}

/** Values are told apart by identity: each node's result is one of its own. */
export class ValueTypes {
  readonly #floats = new WeakSet<Value>();
  readonly #others = new WeakSet<Value>();
  #hasTexts = false;

  /** An input or a constant of the model. */
  mark(value: Value, { isFloat, isText }: ElementKind): void {
    if (isFloat === true) this.#floats.add(value);
    if (isText !== true) this.#others.add(value);
    this.#hasTexts ||= isText === true;
  }

  /** Output `index` of a node without a graph. */
  markOutput(value: Value, node: NodeProto, index: number, inputs: readonly (Value | undefined)[]): void {
    // All nodes share it.
    if (value === ANY_CONSTANT) return;
    const kinds = inputs.map((input) => input && { isFloat: this.#floats.has(input) });
    this.mark(value, { isFloat: givesFloats(node, kinds, index), isText: this.#givesTexts(node, inputs) });
  }

  /** False = it may be of any type. */
  isFloat(value: Value): boolean {
    return this.#floats.has(value);
  }

  /** A value that only a graph in a node gives, such as what a loop carries, may be texts if the model has any. */
  mayBeTexts(value: Value): boolean {
    return this.#hasTexts && !this.#others.has(value);
  }

  #givesTexts({ op, attributes }: NodeProto, inputs: readonly (Value | undefined)[]): boolean {
    if (op === 'Cast') return (attributes.get('to')?.int ?? TEXT_TYPE) === TEXT_TYPE;
    if (attributes.has('values_strings') || attributes.has('classlabels_strings') || op === 'LabelEncoder') return true;
    return op === 'CategoryMapper' || inputs.some((input) => input !== undefined && this.mayBeTexts(input));
  }
}
