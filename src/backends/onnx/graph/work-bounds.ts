/**
 * Finds the bounds of a run's work in the graph of an ONNX model, without running it: whether two requests of equal
 * shapes can differ in it, and by how much. A model that was measured with zeros is known only where they cannot.
 *
 * The graph is followed node by node in their order, with the levels of work-levels.ts; the body of a loop until they
 * rise no more. A graph beyond the limits of a reader, or with an op that is in no list of work-ops.ts, is `values`.
 */
import { setImmediate } from 'node:timers/promises';
import type { WorkBounds } from '../../backend.ts';
import {
  type FunctionProto,
  functionKey,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  nodeText,
} from '../../graph/graph-proto.ts';
import { MOST_NESTED, undecidedModel } from '../../graph/limits.ts';
import { NodeCount } from '../../graph/node-count.ts';
import { givesFloats } from './float-values.ts';
import { readModelFile } from './proto/model-file.ts';
import { readModel } from './proto/model-reader.ts';
import {
  ANY,
  CONSTANT,
  carried,
  constant,
  constantOf,
  type Depends,
  depends,
  higher,
  INPUT,
  INPUT_SIZE,
  type Inputs,
  joined,
  type Level,
  levelOf,
  ROUND_NUMBER,
  roundsOf,
  SHAPES,
  VALUES,
  within,
} from './work-levels.ts';
import { type OpWork, workOf } from './work-ops.ts';

interface Scope {
  readonly values: Map<string, Depends>;
  readonly outer: Scope | undefined;
  readonly depth: number;
}

/** Never rejects: a file that cannot be read or followed counts as `values`. */
export async function workBounds(file: string): Promise<WorkBounds> {
  try {
    return await workBoundsOf(await readModel(await readModelFile(file)));
  } catch (error) {
    return { kind: 'values', op: undefined, reason: `its graph cannot be read: ${(error as Error).message}` };
  }
}

/** The bounds of a model that has been read. Rejects with UndecidedModel beyond the limits. */
export async function workBoundsOf(model: ModelProto): Promise<WorkBounds> {
  const walk = new WorkWalk(model);
  await walk.run();
  return walk.bounds;
}

class WorkWalk {
  readonly #model: ModelProto;
  readonly #count = new NodeCount();
  #level: Level = SHAPES;
  bounds: WorkBounds = { kind: 'shapes', op: undefined, reason: 'the shapes of a request tell how much work it is' };

  constructor(model: ModelProto) {
    this.#model = model;
  }

  async run(): Promise<void> {
    const { graph } = this.#model;
    const scope: Scope = { values: new Map(), outer: undefined, depth: 0 };
    for (const { name, isTensor, isText, isFloat } of graph.inputs) {
      scope.values.set(name, isTensor ? { ...INPUT, isFloat } : ANY);
      if (isText) this.#raise(INPUT_SIZE, undefined, `input "${name}" has texts, which may have any length`);
    }
    setConstants(graph, scope);
    for (const node of graph.nodes) {
      this.#count.begin();
      this.#evaluate(node, scope);
      if (this.#count.takesTurn()) await setImmediate();
    }
  }

  #evaluate(node: NodeProto, scope: Scope): void {
    this.#count.add();
    const inputs = node.inputs.map((name) => (name === '' ? undefined : valueNamed(name, scope)));
    const outputs = this.#outputsOf(node, inputs, scope);
    for (const [i, name] of node.outputs.entries()) {
      if (name === '') continue;
      const isOne = 'size' in outputs;
      scope.values.set(name, isOne ? { ...outputs, isFloat: givesFloats(node, inputs, i) } : (outputs[i] ?? ANY));
    }
  }

  #outputsOf(node: NodeProto, inputs: Inputs, scope: Scope): Depends | readonly Depends[] {
    const called = this.#model.functions.get(functionKey(node.domain, node.op));
    if (called !== undefined) return this.#call(called, inputs, scope);
    if (node.domain === '') {
      switch (node.op) {
        case 'Constant':
          return constantOf(node);
        case 'Shape':
        case 'Size':
          return { size: CONSTANT, elements: higher(SHAPES, inputs[0]?.size ?? VALUES) };
        case 'If':
          return this.#if(node, inputs, scope);
        case 'Loop':
          return this.#loop(node, inputs, scope);
        case 'Scan':
          return this.#scan(node, inputs, scope);
        case 'RoiAlign':
          return this.#roiAlign(node, inputs);
        case 'Div':
        case 'Mod':
          this.#divide(node, inputs);
      }
    }
    return this.#apply(node, workOf(node.domain, node.op), inputs);
  }

  #apply(node: NodeProto, work: OpWork | undefined, inputs: Inputs): Depends {
    if (work === undefined) {
      this.#raise(VALUES, node, 'what its work depends on is not known');
      return ANY;
    }
    const { size, elements } = joined(inputs);
    const sized = levelOf(work.sized, inputs);
    const part = work.isBounded === true ? INPUT_SIZE : within(levelOf(work.part, inputs));
    if (sized > SHAPES) this.#raise(sized, node, 'a size comes from the values of a request');
    else if (part > SHAPES) this.#raise(part, node, 'how much it does depends on the values of a request');
    return depends(higher(size, sized, part), work.isRandom === true ? VALUES : elements);
  }

  /** If the number of samples is not set, it takes as many as a region is large, which is a value. */
  #roiAlign(node: NodeProto, inputs: Inputs): Depends {
    const attribute = node.attributes.get('sampling_ratio');
    const isSized = (attribute?.int ?? 0) <= 0 && (inputs[1]?.elements ?? VALUES) > SHAPES;
    if (isSized) this.#raise(VALUES, node, 'the size of its regions comes from the values of a request');
    return joined(inputs);
  }

  /** ONNX Runtime's own check is for a divisor of 0 alone. */
  #divide(node: NodeProto, inputs: Inputs): void {
    const isOfFloats = inputs.some((value) => value?.isFloat === true);
    if (isOfFloats || (inputs[1]?.elements ?? VALUES) <= SHAPES) return;
    this.#raise(VALUES, node, 'integers of a request divide, and the lowest one by -1 ends the process');
  }

  #if(node: NodeProto, [condition = ANY]: Inputs, scope: Scope): readonly Depends[] {
    const level = within(condition.elements);
    if (level > SHAPES) this.#raise(level, node, 'which branch runs depends on the values of a request');
    const [yes, no] = ['then_branch', 'else_branch'].map((name) => this.#body(node, name, [], scope));
    return yes!.map((value, i) => {
      const either = joined([value, no![i] ?? ANY]);
      const levels = depends(higher(either.size, level), higher(either.elements, condition.elements));
      return { ...levels, isFloat: either.isFloat };
    });
  }

  #loop(node: NodeProto, [most, first, ...states]: Inputs, scope: Scope): readonly Depends[] {
    const start = first ?? { size: CONSTANT, elements: CONSTANT };
    const before = [start, ...states.map((state) => carried(state ?? ANY))];
    const after = this.#rounds(node, [ROUND_NUMBER], before, [], scope);
    const level = roundsOf(most, higher(start.elements, after[0]?.elements ?? VALUES));
    if (level > SHAPES) this.#raise(level, node, 'how many rounds it makes depends on the values of a request');
    return after.slice(1).map((value) => atLeastOf(value, level));
  }

  /** A round for each slice of its last inputs. Before opset 9 it is a batch of loops, which nobody exports. */
  #scan(node: NodeProto, inputs: Inputs, scope: Scope): readonly Depends[] | Depends {
    const count = node.attributes.get('num_scan_inputs')?.int ?? 0;
    if (count < 1 || count > inputs.length || inputs.includes(undefined) || this.#opset < 9) {
      return this.#apply(node, undefined, inputs);
    }
    const states = inputs.slice(0, -count).map((state) => carried(state ?? ANY));
    const slices = inputs.slice(-count).map((slice) => slice ?? ANY);
    const { size: level } = joined(slices);
    if (level > SHAPES) this.#raise(level, node, 'how many rounds it makes depends on the values of a request');
    const after = this.#rounds(node, [], states, slices, scope);
    return after.map((value) => atLeastOf(value, level));
  }

  /** The outputs of a body after any number of rounds; the first of them are what it carries. */
  #rounds(
    node: NodeProto,
    head: readonly Depends[],
    first: readonly Depends[],
    slices: readonly Depends[],
    scope: Scope,
  ): readonly Depends[] {
    for (let states = first; ; ) {
      const outputs = this.#body(node, 'body', [...head, ...states, ...slices], scope);
      const next = states.map((state, i) => joined([state, outputs[i] ?? ANY]));
      const isStable = next.every(({ size, elements, isFloat = false }, i) => {
        const before = states[i]!;
        return size === before.size && elements === before.elements && isFloat === (before.isFloat ?? false);
      });
      if (isStable) return [...next, ...outputs.slice(next.length)];
      states = next;
    }
  }

  #body(node: NodeProto, attribute: string, inputs: readonly Depends[], outer: Scope): readonly Depends[] {
    const graph = node.attributes.get(attribute)?.graph;
    if (graph === undefined) throw undecidedModel(`node ${node.op} lacks its ${attribute}`);
    const scope = this.#inner(outer, outer.depth);
    for (const [i, { name }] of graph.inputs.entries()) scope.values.set(name, inputs[i] ?? ANY);
    setConstants(graph, scope);
    for (const inner of graph.nodes) this.#evaluate(inner, scope);
    return graph.outputs.map(({ name }) => valueNamed(name, scope));
  }

  #call(called: FunctionProto, inputs: Inputs, { depth }: Scope): readonly Depends[] {
    const scope = this.#inner(undefined, depth);
    for (const [i, name] of called.inputs.entries()) scope.values.set(name, inputs[i] ?? ANY);
    for (const inner of called.nodes) this.#evaluate(inner, scope);
    return called.outputs.map((name) => valueNamed(name, scope));
  }

  #inner(outer: Scope | undefined, depth: number): Scope {
    if (depth >= MOST_NESTED) throw undecidedModel(`its graphs or functions are nested more than ${MOST_NESTED} deep`);
    return { values: new Map(), outer, depth: depth + 1 };
  }

  get #opset(): number {
    return this.#model.opsets.get('') ?? 0;
  }

  /** The first node of the highest level decides. */
  #raise(level: Level, node: NodeProto | undefined, why: string): void {
    if (level <= this.#level) return;
    this.#level = level;
    const kind = level === VALUES ? 'values' : 'input_size';
    if (node === undefined) this.bounds = { kind, op: undefined, reason: why };
    else {
      const op = node.domain === '' ? node.op : `${node.domain}.${node.op}`;
      this.bounds = { kind, op, reason: `${nodeText(node)}: ${why}` };
    }
  }
}

/** A value whose size is of this level, or higher. */
function atLeastOf({ size, elements, isFloat }: Depends, level: Level): Depends {
  return { ...depends(higher(size, level), elements), isFloat };
}

function setConstants({ initializers }: GraphProto, { values }: Scope): void {
  for (const { name, elements, isFloat } of initializers) values.set(name, { ...constant(elements), isFloat });
}

function valueNamed(name: string, scope: Scope): Depends {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const value = at.values.get(name);
    if (value !== undefined) return value;
  }
  return ANY;
}
