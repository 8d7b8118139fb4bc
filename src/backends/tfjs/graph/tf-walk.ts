/**
 * Follows the rows through a GraphDef: the nodes that its outputs need, and what the functions hold that these call.
 * Values are those of ONNX graphs (backends/graph/value.ts), since rows behave alike there.
 *
 * A node without a rule loses its values. So does every node behind it, along control edges as well: it may have
 * changed what a later node reads. Nodes are bounded, so that functions that call each other cost no more than a large
 * graph does.
 */
import { setImmediate } from 'node:timers/promises';
import type { NodeProto } from '../../graph/graph-proto.ts';
import { MOST_DIMS, MOST_NESTED, undecidedModel } from '../../graph/limits.ts';
import { ANY_CONSTANT, Names } from '../../graph/node-call.ts';
import { NodeCount } from '../../graph/node-count.ts';
import type { Size } from '../../graph/size.ts';
import { checkInvariants, type Lost, lostOf, ownValue, RowsLost, type Value } from '../../graph/value.ts';
import { indexOf, placesOf, type TensorPlace } from './tensor-place.ts';
import { TfCall, type TfFollowing } from './tf-call.ts';
import type { TfFunction, TfGraph } from './tf-graph.ts';
import { handsOn, hasNoEffect, isRepeatable, tfRuleOf } from './tf-rules.ts';

/** The values of a node's outputs, or one for all of them. */
type NodeValues = Value | readonly Value[];

/** The nodes of the graph or of one call of a function. */
interface Scope {
  readonly nodes: ReadonlyMap<string, NodeProto>;
  /** The values by node, or by argument of the function. */
  readonly values: Map<string, NodeValues>;
  /** The reason why values behind a node cannot be followed, by node. */
  readonly taints: Map<string, Lost>;
  /** Tensors that requests bring, by "node:index". */
  readonly fed: ReadonlyMap<string, Value>;
  readonly depth: number;
}

/** A function that is called, with the values of its arguments. */
interface Entered {
  readonly scope: Scope;
  readonly returned: readonly TensorPlace[];
  readonly effects: readonly TensorPlace[];
}

/** Attributes that name functions. */
const FUNCTIONS_OF = ['f', 'func', 'cond', 'body', 'then_branch', 'else_branch', 'branches'];

export class TfWalk {
  readonly #graph: TfGraph;
  readonly #batch: Size;
  readonly #assumed: ReadonlyMap<string, boolean>;
  readonly names = new Names();
  readonly #count = new NodeCount();

  /** Has the parameters of GraphWalk of ONNX graphs. */
  constructor(graph: TfGraph, batch: Size, assumed: ReadonlyMap<string, boolean>) {
    this.#graph = graph;
    this.#batch = batch;
    this.#assumed = assumed;
  }

  /** How many nodes have been followed, those of functions each time they were called. */
  get followed(): number {
    return this.#count.followed;
  }

  /**
   * The values of these tensors ("node:index"), where `fed` has those that requests bring. Rejects with Fork and
   * UndecidedModel as GraphWalk.
   */
  async run(fed: ReadonlyMap<string, Value>, tensors: readonly string[]): Promise<readonly Value[]> {
    const nodes = new Map(this.#graph.nodes.map((node) => [node.name, node]));
    const scope: Scope = { nodes, values: new Map(), taints: new Map(), fed, depth: 0 };
    const places = placesOf(tensors);
    await this.#follow(scope, places);
    return places.map((place) => valueAt(place, scope));
  }

  /** Like `#evaluate`, for all nodes that these tensors need, with turns of the event loop between them. */
  async #follow(scope: Scope, wanted: readonly TensorPlace[]): Promise<void> {
    for (const node of this.#order(scope, wanted)) {
      this.#count.begin();
      if (isCall(node)) await this.#evaluateCall(node, scope);
      else this.#evaluate(node, scope);
      if (this.#count.takesTurn()) await setImmediate();
    }
  }

  /** The nodes that these tensors need, each behind its inputs. Nodes in a circle are left out: their values are lost. */
  #order(scope: Scope, wanted: readonly TensorPlace[]): readonly NodeProto[] {
    const order: NodeProto[] = [];
    const seen = new Set<string>();
    // There is no recursion, because a chain of nodes may be long.
    const stack: { readonly node: NodeProto; readonly needs: Iterator<TensorPlace> }[] = [];
    const enter = ({ node: name, key }: TensorPlace): void => {
      const node = scope.nodes.get(name);
      if (node === undefined || seen.has(name) || (key !== undefined && scope.fed.has(key))) return;
      seen.add(name);
      stack.push({ node, needs: placesOf(node.inputs).values() });
    };
    for (const place of wanted) {
      enter(place);
      for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
        const { done, value } = top.needs.next();
        if (done === true) order.push(stack.pop()!.node);
        else enter(value);
      }
    }
    return order;
  }

  #evaluate(node: NodeProto, scope: Scope): void {
    const { taint, inputs } = this.#enter(node, scope);
    this.#keep(node, scope, taint, taint ?? this.#outputsOf(node, inputs, scope));
  }

  /** A call in the graph or in a function that it calls, and not in a branch or a loop: most models are one of these. */
  async #evaluateCall(node: NodeProto, scope: Scope): Promise<void> {
    const { taint, inputs } = this.#enter(node, scope);
    this.#keep(node, scope, taint, taint ?? (await this.#calledInTurns(node, inputs, scope)));
  }

  async #calledInTurns(node: NodeProto, inputs: readonly Value[], outer: Scope): Promise<NodeValues> {
    try {
      const { scope, returned, effects } = this.#enterFunction(functionOf(node), inputs, outer);
      await this.#follow(scope, [...returned, ...effects]);
      return returnedValues(scope, returned, effects);
    } catch (error) {
      if (!(error instanceof RowsLost)) throw error;
      return lost(node, error.verdict, error.message);
    }
  }

  /** Counts the node. What it gets, and why nothing that it gives can be followed. */
  #enter(node: NodeProto, scope: Scope): { readonly taint: Lost | undefined; readonly inputs: readonly Value[] } {
    this.#count.add();
    const places = placesOf(node.inputs);
    const controls = places.filter(({ isControl }) => isControl);
    const taint = controls.map(({ node: name }) => scope.taints.get(name)).find((each) => each !== undefined);
    const inputs = places.filter(({ isControl }) => !isControl).map((place) => valueAt(place, scope));
    return { taint, inputs };
  }

  #keep(node: NodeProto, scope: Scope, taint: Lost | undefined, outputs: NodeValues): void {
    const list = 'kind' in outputs ? [outputs] : outputs;
    const values = list.map((value) => (isFollowed(value) ? value : lost(node, 'undecided', 'it has too many dims')));
    scope.values.set(node.name, 'kind' in outputs ? values[0]! : values);
    const found = taint ?? (hasNoEffect(node) ? undefined : values.find((value) => value.kind === 'lost'));
    // Its effects are not known, so neither is whether they mix rows.
    if (found?.kind === 'lost') scope.taints.set(node.name, { ...found, verdict: 'undecided' });
  }

  #outputsOf(node: NodeProto, inputs: readonly Value[], scope: Scope): NodeValues {
    const rule = tfRuleOf(node.op);
    // Inputs that a function does not use need not be followed; and a check of values has no part in the answer.
    const before = isCall(node) || hasNoEffect(node) ? undefined : lostOf(inputs);
    if (before !== undefined) return before;
    try {
      if (isCall(node)) return this.#call(functionOf(node), inputs, scope);
      if (this.#graph.functions.has(node.op)) return this.#call(node.op, inputs, scope);
      if (rule === undefined) throw new RowsLost('undecided', 'no rule tells where its rows go');
      const outputs = rule(new TfCall(node, inputs, this.#following(scope)));
      const list = 'kind' in outputs ? [outputs] : outputs;
      for (const value of list) checkInvariants(value, []);
      if (handsOn(node.op)) return outputs;
      const own = list.map((value) => ownValue(value, inputs));
      return 'kind' in outputs ? own[0]! : own;
    } catch (error) {
      if (!(error instanceof RowsLost)) throw error;
      const isConstant = inputs.every(({ kind }) => kind === 'same');
      if (isConstant && isRepeatable(node.op) && !this.#callsFunction(node)) return ANY_CONSTANT;
      return lost(node, error.verdict, error.message);
    }
  }

  #callsFunction(node: NodeProto): boolean {
    return isCall(node) || this.#graph.functions.has(node.op) || FUNCTIONS_OF.some((name) => node.attributes.has(name));
  }

  /** A function's outputs; all are lost if one of its effects cannot be followed. */
  #call(name: string, inputs: readonly Value[], outer: Scope): readonly Value[] {
    const { scope, returned, effects } = this.#enterFunction(name, inputs, outer);
    for (const node of this.#order(scope, [...returned, ...effects])) this.#evaluate(node, scope);
    return returnedValues(scope, returned, effects);
  }

  #enterFunction(name: string, inputs: readonly Value[], outer: Scope): Entered {
    const called = this.#graph.functions.get(name);
    if (called === undefined) throw new RowsLost('undecided', `there is no function "${name}"`);
    const scope = this.#inner(called, inputs, outer);
    return { scope, returned: placesOf(called.outputs), effects: placesOf(called.effects) };
  }

  #inner({ nodes, inputs: names }: TfFunction, inputs: readonly Value[], outer: Scope): Scope {
    const depth = outer.depth + 1;
    if (depth > MOST_NESTED) throw undecidedModel(`its functions are nested more than ${MOST_NESTED} deep`);
    const values = new Map<string, NodeValues>();
    for (const [i, name] of names.entries()) if (inputs[i] !== undefined) values.set(name, inputs[i]);
    const byName = new Map(nodes.filter(({ name }) => !values.has(name)).map((node) => [node.name, node]));
    return { nodes: byName, values, taints: new Map(), fed: new Map(), depth };
  }

  #following(scope: Scope): TfFollowing {
    return {
      batch: this.#batch,
      nextName: () => this.names.next(),
      elements: (value) => this.names.elements(value),
      // Graphs of TensorFlow have functions in their place.
      branch: () => [],
      call: (name, inputs) => this.#call(name, inputs, scope),
      isFloat: () => false,
      // TensorFlow moves texts as it moves numbers.
      mayBeTexts: () => false,
      assumed: ({ key }) => this.#assumed.get(key),
    };
  }
}

/** Throws RowsLost if an effect cannot be followed. */
function returnedValues(
  scope: Scope,
  returned: readonly TensorPlace[],
  effects: readonly TensorPlace[],
): readonly Value[] {
  for (const { node } of effects) {
    const taint = scope.taints.get(node);
    if (taint !== undefined) throw new RowsLost(taint.verdict, taint.reason);
  }
  return returned.map((place) => valueAt(place, scope));
}

function isCall({ op }: NodeProto): boolean {
  return op === 'PartitionedCall' || op === 'StatefulPartitionedCall';
}

function functionOf({ attributes }: NodeProto): string {
  return attributes.get('f')?.text ?? '';
}

function isFollowed(value: Value): boolean {
  return value.kind === 'lost' || (value.dims?.length ?? 0) <= MOST_DIMS;
}

function valueAt(place: TensorPlace, scope: Scope): Value {
  const { node, key } = place;
  const fed = key === undefined ? undefined : scope.fed.get(key);
  if (fed !== undefined) return fed;
  const values = scope.values.get(node);
  const index = indexOf(place, scope.nodes.get(node)?.op ?? '');
  const value = values === undefined || 'kind' in values ? values : values[index];
  return value ?? { kind: 'lost', verdict: 'undecided', reason: `no node before it gives the value "${node}"` };
}

function lost({ name, op }: NodeProto, verdict: Lost['verdict'], reason: string): Lost {
  return { kind: 'lost', verdict, reason: `node "${name}" (${op}): ${reason}` };
}
