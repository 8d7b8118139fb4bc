/**
 * Finds the lengths of a row at which the arithmetic of an ONNX model may change, by its graph, without running it:
 *
 *     ids [batch, n] ─▶ Shape ─▶ n ─▶ Greater(n, 40) ─▶ Where      40, 41: the curve of Greater steps there
 *                                └──▶ Range ─▶ Gather(512 rows)    512: longer rows have no position
 *
 * Numbers that come of the length alone are followed as curves (curves.ts), and the lengths are those at which a curve
 * bends. Where a length has met data, each small constant that it may be compared with is one. A length that reaches an
 * op that cannot be followed so, such as If or Loop, makes the graph `unread`.
 */
import { setImmediate } from 'node:timers/promises';
import type { LengthReading } from '../../../backend.ts';
import { functionKey, type ModelProto, type NodeProto, nodeText, type ValueInfo } from '../../../graph/graph-proto.ts';
import { UndecidedModel, undecidedModel } from '../../../graph/limits.ts';
import { NodeCount } from '../../../graph/node-count.ts';
import { givesFloats } from '../float-values.ts';
import { readModelFile } from '../proto/model-file.ts';
import { readModel } from '../proto/model-reader.ts';
import { workOf } from '../work-ops.ts';
import { Curves, LENGTH } from './curves.ts';
import { ELEMENTWISE_LENGTHS } from './elementwise-lengths.ts';
import { FoundLengths } from './found-lengths.ts';
import { LengthCall, type LengthRule, Unfollowed } from './length-call.ts';
import { ANY_CONSTANT, constant, given, lengthAxes, type Value, type Values } from './length-values.ts';
import { OTHER_LENGTHS, REDUCE_LENGTHS } from './reduce-lengths.ts';
import { SHAPE_LENGTHS } from './shape-lengths.ts';

/** The first opset that is read: ops broadcast otherwise before. */
const OLDEST_OPSET = 7;
/** The event loop has a turn after so many looks at all lengths, to compute or to compare. */
const LOOKS_A_TURN = 8;
const MOST_LOOKS = 32_768;

const RULES: Readonly<Record<string, LengthRule>> = { ...SHAPE_LENGTHS, ...ELEMENTWISE_LENGTHS, ...REDUCE_LENGTHS };
/** Ops whose rules are known, but not what they make of texts, sequences and values that may be missing. */
const NOT_OF_TENSORS = /Sequence|Optional|^String|^RegexFullMatch|^Tokenizer/;
/** They lay the rows of a table out anew, or read its shape alone. */
const LAYOUT: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Squeeze', 'Shape', 'Size']);

/** The length is that of the inputs' free dims beside dim 0. Rejects if the file cannot be read. */
export async function readLengths(file: string): Promise<LengthReading> {
  return readLengthsOf(await readModel(await readModelFile(file)));
}

/** The same of a model that has been read. */
export async function readLengthsOf(model: ModelProto): Promise<LengthReading> {
  const opset = model.opsets.get('') ?? OLDEST_OPSET;
  if (opset < OLDEST_OPSET) return { kind: 'unread', reason: `its opset ${opset} is older than ${OLDEST_OPSET}` };
  const walk = new LengthWalk(model, opset);
  try {
    await walk.run();
    return walk.found.reading();
  } catch (error) {
    if (error instanceof Unfollowed || error instanceof UndecidedModel)
      return { kind: 'unread', reason: error.message };
    throw error;
  }
}

class LengthWalk {
  readonly found = new FoundLengths();
  readonly #curves = new Curves();
  readonly #values = new Map<string, Value>();
  readonly #model: ModelProto;
  readonly #opset: number;

  constructor(model: ModelProto, opset: number) {
    this.#model = model;
    this.#opset = opset;
  }

  /** Throws Unfollowed, or UndecidedModel beyond the limits. */
  async run(): Promise<void> {
    const { graph } = this.#model;
    const count = new NodeCount();
    for (const input of graph.inputs) this.#values.set(input.name, inputValue(input));
    for (const tensor of graph.initializers) this.#values.set(tensor.name, constant(tensor));
    let turn = 0;
    for (const node of graph.nodes) {
      count.begin();
      count.add();
      this.#evaluate(node);
      const looks = this.#curves.cost + this.found.scans;
      if (looks > MOST_LOOKS) throw undecidedModel('it computes with lengths at too many of its nodes');
      if (!count.takesTurn() && looks - turn < LOOKS_A_TURN) continue;
      turn = looks;
      await setImmediate();
    }
  }

  #evaluate(node: NodeProto): void {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : this.#valueNamed(name, node)));
    const outputs = this.#outputsOf(node, inputs);
    for (const [i, name] of node.outputs.entries()) {
      if (name === '') continue;
      const value = outputs[i] ?? { ...outputs[0]!, dims: undefined };
      this.#values.set(name, { ...value, isFloat: givesFloats(node, inputs, i) });
    }
  }

  #valueNamed(name: string, node: NodeProto): Value {
    const value = this.#values.get(name);
    if (value === undefined) throw new Unfollowed(`${nodeText(node)}: no node before it gives the value "${name}"`);
    return value;
  }

  #outputsOf(node: NodeProto, inputs: Values): readonly Value[] {
    const call = new LengthCall({ node, inputs, opset: this.#opset }, { curves: this.#curves, found: this.found });
    try {
      const made = this.#apply(call);
      const outputs = 'dims' in made ? [made] : made;
      checkTables(call, outputs);
      return call.isConstant ? outputs.map((value) => ({ ...value, isLength: false, isFixed: true })) : outputs;
    } catch (error) {
      if (!(error instanceof Unfollowed)) throw error;
      if (call.isConstant && !hasGraph(node)) return [ANY_CONSTANT];
      throw new Unfollowed(`${nodeText(node)}: ${error.message}`);
    }
  }

  #apply(call: LengthCall): Value | readonly Value[] {
    const { node } = call;
    const { domain, op } = node;
    if (op === 'Constant' && domain === '') return constantNode(node);
    const work = this.#model.functions.has(functionKey(domain, op)) ? undefined : workOf(domain, op);
    const isShape = domain === '' && (op === 'Shape' || op === 'Size');
    const isKnown = isShape || (work !== undefined && work.isRandom !== true && domain !== 'ai.onnx.ml');
    if (hasGraph(node) || !isKnown || NOT_OF_TENSORS.test(op)) {
      throw new Unfollowed('a length may reach it, and what it does with one is not followed');
    }
    return (Object.hasOwn(RULES, op) ? RULES[op]! : OTHER_LENGTHS)(call);
  }
}

/** One row, or as many as the file says. */
function inputValue({ name, dims, isTensor, isText, isFloat }: ValueInfo): Value {
  if (!isTensor || isText) throw new Unfollowed(`input "${name}" is no tensor of numbers`);
  return given(
    dims?.map((dim, axis) => dim ?? (axis === 0 ? 1 : LENGTH)),
    isFloat,
  );
}

function constantNode({ attributes }: NodeProto): Value {
  const [attribute] = attributes.values();
  if (attribute === undefined || attribute.isPartial || attributes.size !== 1) return ANY_CONSTANT;
  const { name, tensor, int, ints, floats } = attribute;
  if (tensor !== undefined) return constant(tensor);
  if (name === 'value_int') return constant({ dims: [], elements: [int], isFloat: false });
  if (name === 'value_ints') return constant({ dims: [ints.length], elements: ints, isFloat: false });
  if (name === 'value_float') return constant({ dims: [], elements: [floats[0] ?? 0], isFloat: true });
  if (name === 'value_floats') return constant({ dims: [floats.length], elements: floats, isFloat: true });
  return ANY_CONSTANT;
}

/**
 * A table of the first positions may make any number of the length, once its rows are put together: by a sum, or by
 * taking its last row.
 */
function checkTables(call: LengthCall, outputs: readonly Value[]): void {
  if (call.isOfData || LAYOUT.has(call.node.op)) return;
  const axes = Math.max(0, ...call.present.filter(({ isTable }) => isTable).map(lengthAxes));
  if (axes > 0 && outputs.some((value) => value.dims === undefined || lengthAxes(value) < axes)) {
    throw new Unfollowed('it puts numbers together that are as many as a row is long');
  }
}

function hasGraph({ attributes }: NodeProto): boolean {
  return [...attributes.values()].some(({ graph, hasOther }) => graph !== undefined || hasOther);
}
