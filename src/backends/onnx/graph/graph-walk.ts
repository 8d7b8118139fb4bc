/**
 * Follows the rows through the nodes of a graph in their order: each value by its name, as value.ts has it. Graphs in
 * nodes (the branches of If) see the values around them; functions of the model see their inputs only.
 *
 * Nodes are bounded, so that functions that call each other cost no more than a large graph does.
 */
import { setImmediate } from 'node:timers/promises';
import {
  type Attribute,
  type FunctionProto,
  functionKey,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  nodeText,
  type TensorProto,
} from '../../graph/graph-proto.ts';
import { MOST_DIMS, MOST_NESTED, undecidedModel } from '../../graph/limits.ts';
import { ANY_CONSTANT, type Following, Names, NodeCall, type Outputs } from '../../graph/node-call.ts';
import { NodeCount } from '../../graph/node-count.ts';
import { ALL_ELEMENT_RULES } from '../../graph/rules/element-moves.ts';
import { isDeterministic, ruleOf } from '../../graph/rules/rule-table.ts';
import { integerSymbol, type Size, sizeOf } from '../../graph/size.ts';
import {
  checkInvariants,
  type Lost,
  lostOf,
  ownValue,
  RowsLost,
  type Same,
  same,
  type Value,
} from '../../graph/value.ts';
import { ValueTypes } from './value-types.ts';

/** The values that nodes of one graph or function see. */
interface Scope {
  readonly values: Map<string, Value>;
  readonly outer: Scope | undefined;
  readonly opsets: ReadonlyMap<string, number>;
  /** The attributes of the function's call, for attributes that stand for them. */
  readonly attributes: ReadonlyMap<string, Attribute> | undefined;
  readonly depth: number;
}

export class GraphWalk {
  readonly #model: ModelProto;
  readonly #batch: Size;
  readonly #assumed: ReadonlyMap<string, boolean>;
  readonly names = new Names();
  readonly types = new ValueTypes();
  readonly #count = new NodeCount();

  /**
   * `batch` is the number of rows: BATCH, or a number in a model of fixed rows. `assumed` has what is taken for true or
   * false of conditions, by their keys.
   */
  constructor(model: ModelProto, batch: Size, assumed: ReadonlyMap<string, boolean>) {
    this.#model = model;
    this.#batch = batch;
    this.#assumed = assumed;
  }

  /**
   * The values of the model's graph by name, where `inputs` has those of its inputs. Rejects with Fork if they depend on
   * a condition that nothing is assumed of, and with UndecidedModel beyond the limits.
   */
  async run(inputs: ReadonlyMap<string, Value>): Promise<ReadonlyMap<string, Value>> {
    const { graph, opsets } = this.#model;
    const scope: Scope = { values: new Map(inputs), outer: undefined, opsets, attributes: undefined, depth: 0 };
    for (const tensor of graph.initializers) scope.values.set(tensor.name, this.#constant(tensor));
    for (const node of graph.nodes) {
      this.#count.begin();
      this.#evaluate(node, scope);
      if (this.#count.takesTurn()) await setImmediate();
    }
    return scope.values;
  }

  #evaluate(node: NodeProto, scope: Scope): void {
    this.#count.add();
    const outputs = this.#outputsOf(node, scope);
    const list = 'kind' in outputs ? [outputs] : outputs;
    for (const [i, name] of node.outputs.entries()) {
      if (name === '') continue;
      const value = list[i];
      const isFollowed = value !== undefined && (value.kind === 'lost' || (value.dims?.length ?? 0) <= MOST_DIMS);
      scope.values.set(name, isFollowed ? value : lost(node, 'undecided', `its output ${i} cannot be followed`));
    }
  }

  #outputsOf(node: NodeProto, scope: Scope): Outputs {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : valueNamed(name, scope, node)));
    const before = lostOf(inputs);
    if (before !== undefined) return node.outputs.map(() => before);
    try {
      const given = withAttributes(node, scope);
      const outputs = this.#apply(given, inputs, scope);
      if (hasBody(given) || this.#functionOf(given) !== undefined) return outputs;
      const list = 'kind' in outputs ? [outputs] : outputs;
      for (const [i, value] of list.entries()) this.types.markOutput(value, given, i, inputs);
      return list;
    } catch (error) {
      if (!(error instanceof RowsLost)) throw error;
      const isConstant = inputs.every((value) => value === undefined || value.kind === 'same');
      if (isConstant && !hasGraph(node) && isDeterministic(node.domain, node.op)) {
        return node.outputs.map(() => ANY_CONSTANT);
      }
      return node.outputs.map(() => lost(node, error.verdict, error.message));
    }
  }

  #apply(node: NodeProto, inputs: readonly (Value | undefined)[], scope: Scope): Outputs {
    const called = this.#functionOf(node);
    const rule = ruleOf(node.domain, node.op);
    if (called !== undefined) {
      if (rule !== undefined) throw new RowsLost('undecided', 'the model has a function of the name of an op');
      return this.#call(called, node, inputs, scope);
    }
    if (node.op === 'Constant' && node.domain === '') return this.#constantNode(node);
    const opset = scope.opsets.get(node.domain);
    if (opset === undefined) throw new RowsLost('undecided', 'the model does not say which version of the op it wants');
    const call = new NodeCall(node, opset, inputs, this.#following(scope));
    const elements = node.domain === '' ? elementRule(call) : undefined;
    if (elements !== undefined) return elements;
    if (rule === undefined) throw new RowsLost('undecided', 'no rule tells where its rows go');
    const outputs = rule(call);
    // A graph in a node has been checked node by node.
    if (hasBody(node)) return outputs;
    const own = 'kind' in outputs ? [outputs] : outputs;
    // CastLike takes no more than the type of its second input.
    const used = node.op === 'CastLike' ? inputs.slice(0, 1) : inputs;
    for (const value of own) checkInvariants(value, used);
    return own.map((value) => ownValue(value, inputs));
  }

  #functionOf({ domain, op }: NodeProto): FunctionProto | undefined {
    return this.#model.functions.get(functionKey(domain, op));
  }

  #following(scope: Scope): Following {
    return {
      batch: this.#batch,
      nextName: () => this.names.next(),
      elements: (value) => this.names.elements(value),
      branch: (graph, inputs) => this.#branch(graph, inputs, scope),
      assumed: ({ key }) => this.#assumed.get(key),
      isFloat: (value) => this.types.isFloat(value),
      mayBeTexts: (value) => this.types.mayBeTexts(value),
    };
  }

  #branch(graph: GraphProto, inputs: readonly Value[], outer: Scope): readonly Value[] {
    const scope = this.#inner({ ...outer, values: new Map(), outer });
    for (const [i, { name }] of graph.inputs.entries()) {
      const value = inputs[i];
      if (value !== undefined) scope.values.set(name, value);
    }
    for (const tensor of graph.initializers) scope.values.set(tensor.name, this.#constant(tensor));
    for (const node of graph.nodes) this.#evaluate(node, scope);
    return graph.outputs.map(({ name }) => valueNamed(name, scope, undefined));
  }

  /** A function of the model: its nodes, with the call's inputs and attributes. */
  #call(called: FunctionProto, node: NodeProto, inputs: readonly (Value | undefined)[], outer: Scope): Outputs {
    const attributes = new Map([...called.defaults, ...node.attributes]);
    const opsets = called.opsets.size > 0 ? called.opsets : this.#model.opsets;
    const scope = this.#inner({ values: new Map(), outer: undefined, opsets, attributes, depth: outer.depth });
    for (const [i, name] of called.inputs.entries()) {
      const value = inputs[i];
      if (value !== undefined) scope.values.set(name, value);
    }
    for (const inner of called.nodes) this.#evaluate(inner, scope);
    return called.outputs.map((name) => valueNamed(name, scope, undefined));
  }

  #inner(scope: Scope): Scope {
    const depth = scope.depth + 1;
    if (depth > MOST_NESTED) throw undecidedModel(`its graphs or functions are nested more than ${MOST_NESTED} deep`);
    return { ...scope, depth };
  }

  #constant(tensor: TensorProto): Value {
    // Those of other types have sums and products that are not followed.
    const followed = tensor.isNarrow ? undefined : tensor.elements;
    const elements = followed?.map((element) =>
      Number.isFinite(element) ? sizeOf(element) : integerSymbol(this.names.next()),
    );
    const dims = tensor.dims?.map((dim) => sizeOf(dim));
    const value: Same = { ...same(dims, elements), isFloat: tensor.isFloat === true };
    this.types.mark(value, tensor);
    return value;
  }

  #constantNode(node: NodeProto): Value {
    const [attribute] = node.attributes.values();
    if (attribute === undefined || attribute.isPartial || node.attributes.size !== 1) return ANY_CONSTANT;
    if (attribute.tensor !== undefined) return this.#constant(attribute.tensor);
    if (attribute.name === 'value_int') return same([], [sizeOf(attribute.int)]);
    if (attribute.name === 'value_ints')
      return same(
        [sizeOf(attribute.ints.length)],
        attribute.ints.map((n) => sizeOf(n)),
      );
    if (attribute.name === 'value_floats') return same([sizeOf(attribute.floats.length)]);
    if (attribute.name === 'value_float' || attribute.name === 'value_string') return same([]);
    return ANY_CONSTANT;
  }
}

function elementRule(call: NodeCall): Value | undefined {
  const { op } = call.node;
  return Object.hasOwn(ALL_ELEMENT_RULES, op) ? ALL_ELEMENT_RULES[op]!(call) : undefined;
}

function valueNamed(name: string, scope: Scope, user: NodeProto | undefined): Value {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const value = at.values.get(name);
    if (value !== undefined) return value;
  }
  const reason = `no node before it gives the value "${name}"`;
  return user === undefined ? { kind: 'lost', verdict: 'undecided', reason } : lost(user, 'undecided', reason);
}

function lost(node: NodeProto, verdict: Lost['verdict'], reason: string): Lost {
  return { kind: 'lost', verdict, reason: `${nodeText(node)}: ${reason}` };
}

/** A graph that a rule follows. */
function hasBody(node: NodeProto): boolean {
  return [...node.attributes.values()].some((attribute) => attribute.graph !== undefined);
}

function hasGraph(node: NodeProto): boolean {
  return [...node.attributes.values()].some((attribute) => attribute.graph !== undefined || attribute.hasOther);
}

/** A node of a function, with the values of attributes that stand for the call's. */
function withAttributes(node: NodeProto, scope: Scope): NodeProto {
  if (![...node.attributes.values()].some((attribute) => attribute.reference !== '')) return node;
  const attributes = new Map<string, Attribute>();
  for (const [name, attribute] of node.attributes) {
    const value = attribute.reference === '' ? attribute : scope.attributes?.get(attribute.reference);
    if (value !== undefined) attributes.set(name, { ...value, name });
  }
  return { ...node, attributes };
}
