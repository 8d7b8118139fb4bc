/** A node of TensorFlow with the values of its inputs: what a rule sees. Most rules are said in ops of ONNX. */

import type { Attribute, NodeProto } from '../../graph/graph-proto.ts';
import { type Following, NodeCall } from '../../graph/node-call.ts';
import { ALL_ELEMENT_RULES } from '../../graph/rules/element-moves.ts';
import { ruleOf } from '../../graph/rules/rule-table.ts';
import { sizeOf } from '../../graph/size.ts';
import { checkInvariants, ownValue, type Same, same, undecided, type Value } from '../../graph/value.ts';
import { tfAttribute, tfNode } from './tf-graph.ts';

export interface TfFollowing extends Following {
  /** The outputs of a function of the model for these inputs. */
  call(name: string, inputs: readonly Value[]): readonly Value[];
}

/** Attributes of an op of ONNX: numbers, texts or lists of numbers. */
export type OnnxAttributes = Readonly<Record<string, number | string | readonly number[]>>;

/** Whatever rules of ONNX's ops have changed since then is asked for by attributes. */
const OPSET = 17;

export class TfCall extends NodeCall {
  readonly #following: TfFollowing;

  constructor(node: NodeProto, inputs: readonly Value[], following: TfFollowing) {
    super(node, OPSET, inputs, following);
    this.#following = following;
  }

  /** The outputs of ONNX's `op` for these inputs. Throws RowsLost as its rule does. */
  as(op: string, inputs: readonly Value[] = this.values, attributes: OnnxAttributes = {}, outputs = 1): Value[] {
    const named = new Map(Object.entries(attributes).map(([name, value]) => [name, attributeOf(name, value)]));
    const node = { ...tfNode(this.node.name, op, [], named), outputs: Array<string>(outputs).fill('y') };
    const call = new NodeCall(node, OPSET, inputs, this.following);
    const elements = Object.hasOwn(ALL_ELEMENT_RULES, op) ? ALL_ELEMENT_RULES[op]!(call) : undefined;
    if (elements !== undefined) return [elements];
    const rule = ruleOf('', op);
    if (rule === undefined) throw undecided('no rule tells where its rows go');
    const given = rule(call);
    const list = 'kind' in given ? [given] : [...given];
    for (const value of list) checkInvariants(value, inputs);
    return list.map((value) => ownValue(value, inputs));
  }

  /** The only output of `as`. */
  one(...call: Parameters<TfCall['as']>): Value {
    return this.as(...call)[0]!;
  }

  get values(): readonly Value[] {
    return this.inputs as readonly Value[];
  }

  /** A list of numbers that input `i` holds, the same for all requests. Throws RowsLost if it is not known. */
  list(i: number, what: string): readonly number[] {
    const numbers = this.numbers(i);
    if (numbers === undefined) throw undecided(`${what} is not known`);
    return numbers;
  }

  /** The same of one number. */
  number(i: number, what: string): number {
    const [number] = this.list(i, what);
    if (number === undefined) throw undecided(`${what} is not known`);
    return number;
  }

  flag(name: string): boolean {
    return this.int(name, 0) !== 0;
  }

  /** Data in NCHW and its like: channels are the second dim. */
  get hasChannelsFirst(): boolean {
    return this.text('data_format', 'NHWC').startsWith('NC');
  }

  /** The outputs of the function that the attribute names. */
  called(attribute: string, inputs: readonly Value[]): readonly Value[] {
    return this.#following.call(this.text(attribute), inputs);
  }
}

/** A constant list, as an input of an op of ONNX. */
export function listOf(numbers: readonly number[]): Same {
  return same(
    [sizeOf(numbers.length)],
    numbers.map((number) => sizeOf(number)),
  );
}

export function scalarOf(number: number): Same {
  return same([], [sizeOf(number)]);
}

function attributeOf(name: string, value: OnnxAttributes[string]): Attribute {
  if (typeof value === 'number') return tfAttribute(name, { int: value });
  return tfAttribute(name, typeof value === 'string' ? { text: value } : { ints: value });
}
