/**
 * Graphs whose truth is known by construction: a chain of steps from x to y, each of which keeps the rows of one axis
 * apart or mixes them, and says so. Nothing here knows the rules that judge them.
 */
import {
  floats,
  type GraphDims,
  type GraphModel,
  type GraphNode,
  type GraphTensor,
  int64s,
  node,
} from './onnx-graph.ts';

/** Numbers that a generator draws; a step takes of them what it needs. */
export interface StepPlan {
  readonly kind: number;
  readonly axis: number;
  readonly choice: number;
}

export interface GraphPlan {
  readonly dims: readonly number[];
  readonly at: number;
  readonly opset: number;
  /** All dims are free, not the batch axis alone. */
  readonly isFree: boolean;
  readonly steps: readonly StepPlan[];
}

export interface RowGraph {
  readonly model: GraphModel;
  /** Dims of x and y for ROWS rows. */
  readonly inputDims: readonly number[];
  readonly inputAt: number;
  readonly outputAt: number;
  readonly mixes: boolean;
  /** The steps that were taken, for messages. */
  readonly story: readonly string[];
}

export const ROWS = 3;
const MOST_ELEMENTS = 600;

/** What is at the end of the chain so far. */
class Chain {
  readonly nodes: GraphNode[] = [];
  readonly constants: Record<string, GraphTensor> = {};
  readonly story: string[] = [];
  readonly opset: number;
  name = 'x';
  dims: number[];
  at: number;
  mixes = false;
  #count = 0;

  constructor({ dims, at, opset }: GraphPlan) {
    this.dims = [...dims];
    this.at = at;
    this.dims[at] = ROWS;
    this.opset = opset;
  }

  get rank(): number {
    return this.dims.length;
  }

  fresh(): string {
    this.#count += 1;
    return `v${this.#count}`;
  }

  /** A node of those inputs ('_' is the chain's end) and one new output. */
  add(op: string, inputs: string, attributes?: GraphNode['attributes'], outputs = 1): string {
    const names = Array.from({ length: outputs }, () => this.fresh());
    const from = inputs.split(' ').map((name) => (name === '_' ? this.name : name));
    this.nodes.push(node(op, from.join(' '), names.join(' '), attributes));
    return names[0]!;
  }

  /** The chain goes on with a node's output. */
  go(op: string, inputs: string, attributes?: GraphNode['attributes'], outputs = 1): void {
    this.name = this.add(op, inputs, attributes, outputs);
  }

  ints(...values: readonly number[]): string {
    const name = this.fresh();
    this.constants[name] = int64s(values);
    return name;
  }

  scalar(value: number): string {
    const name = this.fresh();
    this.constants[name] = int64s([value], []);
    return name;
  }

  /** Numbers that differ from place to place. */
  weights(dims: readonly number[]): string {
    const name = this.fresh();
    const count = dims.reduce((a, b) => a * b, 1);
    this.constants[name] = floats(
      Array.from({ length: count }, (_, i) => ((i * 7 + 3) % 11) / 7 - 0.6),
      dims,
    );
    return name;
  }

  /** Axes in an attribute or an input, as the opset has it. */
  reduce(op: string, axis: number): string {
    const isInput = op === 'ReduceSum' ? this.opset >= 13 : this.opset >= 18;
    return isInput ? this.add(op, `_ ${this.ints(axis)}`) : this.add(op, '_', { axes: [axis] });
  }

  unsqueeze(name: string, axes: readonly number[]): string {
    return this.opset >= 13
      ? this.add('Unsqueeze', `${name} ${this.ints(...axes)}`)
      : this.add('Unsqueeze', name, { axes });
  }
}

/** Takes a step, or returns false if it does not fit. Sets `mixes` if it mixes the rows of `chain.at`. */
type Step = (chain: Chain, axis: number, choice: number) => boolean;

function mixesIf(chain: Chain, condition: boolean): boolean {
  chain.mixes ||= condition;
  return true;
}

const UNARY = ['Relu', 'Tanh', 'Sigmoid', 'Neg', 'Abs', 'Softplus'];
const REDUCTIONS = ['ReduceMean', 'ReduceMax', 'ReduceSum', 'ReduceL2', 'ReduceMin'];

/** 0.1 keeps sums and products within numbers that can be told apart. */
function scaled(chain: Chain, name: string): string {
  const tenth = chain.fresh();
  chain.constants[tenth] = floats([0.1], []);
  return chain.add('Mul', `${name} ${tenth}`);
}

function swapLast(chain: Chain, name: string): string {
  const perm = chain.dims.map((_, axis) => axis);
  perm.push(...perm.splice(-2).reverse());
  return chain.add('Transpose', name, { perm });
}

const STEPS: Readonly<Record<string, Step>> = {
  unary: (chain, _axis, choice) => {
    chain.go(UNARY[choice % UNARY.length]!, '_');
    return true;
  },
  addConstant: (chain, axis) => {
    const dims = chain.dims.map((dim, i) => (i === axis ? dim : 1));
    chain.go('Add', `_ ${chain.weights(dims)}`);
    return mixesIf(chain, axis === chain.at);
  },
  reduce: (chain, axis, choice) => {
    const reduced = chain.reduce(REDUCTIONS[choice % REDUCTIONS.length]!, axis);
    chain.go('Sub', `_ ${reduced}`);
    return mixesIf(chain, axis === chain.at);
  },
  softmax: (chain, axis, choice) => {
    chain.go(choice % 2 === 0 ? 'Softmax' : 'LogSoftmax', '_', { axis });
    return mixesIf(chain, chain.opset < 13 ? chain.at >= axis : axis === chain.at);
  },
  runningSum: (chain, axis, choice) => {
    chain.go('CumSum', `_ ${chain.scalar(axis - (choice % 2) * chain.rank)}`, { reverse: choice % 3 === 0 ? 1 : 0 });
    return mixesIf(chain, axis === chain.at);
  },
  norm: (chain, axis, choice) => {
    chain.go('LpNormalization', '_', { axis, p: 1 + (choice % 2) });
    return mixesIf(chain, axis === chain.at);
  },
  layerNorm: (chain, axis) => {
    if (chain.opset < 17 || axis <= chain.at) return false;
    chain.go('LayerNormalization', `_ ${chain.weights(chain.dims.slice(axis))}`, { axis });
    return true;
  },
  largest: (chain, axis) => {
    const place = chain.add('ArgMax', '_', { axis });
    chain.go('Add', `_ ${chain.add('Cast', place, { to: 1 })}`);
    return mixesIf(chain, axis === chain.at);
  },
  best: (chain, axis, choice) => {
    if (axis === chain.at) return false;
    const count = 1 + (choice % chain.dims[axis]!);
    chain.go('TopK', `_ ${chain.ints(count)}`, { axis }, 2);
    chain.dims[axis] = count;
    return true;
  },
  reverse: (chain, axis) => {
    const reversed = chain.add(
      'Slice',
      `_ ${chain.ints(-1)} ${chain.ints(-(2 ** 31))} ${chain.ints(axis)} ${chain.ints(-1)}`,
    );
    chain.go('Add', `_ ${reversed}`);
    return mixesIf(chain, axis === chain.at);
  },
  pick: (chain, axis, choice) => {
    const index = chain.ints(choice % (axis === chain.at ? 1 : chain.dims[axis]!));
    const picked = chain.add('Gather', `_ ${index}`, { axis });
    chain.go('Add', `_ ${picked}`);
    return mixesIf(chain, axis === chain.at);
  },
  join: (chain, axis) => {
    if (axis === chain.at || size(chain) * 2 > MOST_ELEMENTS) return false;
    chain.go('Concat', `_ ${chain.add('Tanh', '_')}`, { axis });
    chain.dims[axis]! *= 2;
    return true;
  },
  product: (chain, _axis, choice) => {
    if (chain.at === chain.rank - 1) return false;
    const columns = 2 + (choice % 3);
    chain.name = scaled(chain, chain.add('MatMul', `_ ${chain.weights([chain.dims.at(-1)!, columns])}`));
    chain.dims[chain.rank - 1] = columns;
    return true;
  },
  einsum: (chain, axis) => {
    if (axis === chain.at || chain.opset < 12) return false;
    const labels = 'abcdef'.slice(0, chain.rank);
    const from = labels[axis]!;
    const weights = chain.weights([chain.dims[axis]!, 2]);
    chain.go('Einsum', `_ ${weights}`, { equation: `${labels},${from}z->${labels.replace(from, 'z')}` });
    chain.dims[axis] = 2;
    return true;
  },
  attention: (chain) => {
    const scores = chain.add('MatMul', `_ ${swapLast(chain, '_')}`);
    const shares = chain.add('Softmax', scores, { axis: chain.rank - 1 });
    chain.go('MatMul', `${shares} _`);
    return mixesIf(chain, chain.at >= chain.rank - 2);
  },
  triangle: (chain, _axis, choice) => {
    if (chain.opset < 14) return false;
    chain.go('Trilu', '_', { upper: choice % 2 });
    return mixesIf(chain, chain.at >= chain.rank - 2);
  },
  transpose: (chain, axis, choice) => {
    const perm = chain.dims.map((_, i) => i);
    const [moved] = perm.splice(axis, 1);
    perm.splice(choice % chain.rank, 0, moved!);
    chain.go('Transpose', '_', { perm });
    chain.dims = perm.map((from) => chain.dims[from]!);
    chain.at = perm.indexOf(chain.at);
    return true;
  },
  recurrent: (chain, _axis, choice) => {
    if (chain.rank !== 3 || chain.at === 2) return false;
    const [time, batch, features] = chain.dims as [number, number, number];
    const direction = choice % 2 === 0 ? 'forward' : 'reverse';
    const weights = `${chain.weights([1, 6, features])} ${chain.weights([1, 6, 2])}`;
    const all = chain.add('GRU', `_ ${weights}`, { hidden_size: 2, direction });
    if (chain.opset >= 13) chain.go('Squeeze', `${all} ${chain.ints(1)}`);
    else chain.go('Squeeze', all, { axes: [1] });
    chain.dims = [time, batch, 2];
    return mixesIf(chain, chain.at === 0);
  },
  ones: (chain) => {
    const ones = chain.add('ConstantOfShape', chain.add('Shape', '_'), { value: { tensor: floats([1]) } });
    chain.go('Add', `_ ${ones}`);
    return true;
  },
  count: (chain, axis) => {
    const dim = chain.add('Gather', `${chain.add('Shape', '_')} ${chain.scalar(axis)}`);
    chain.name = scaled(chain, chain.add('Mul', `_ ${chain.add('Cast', dim, { to: 1 })}`));
    return mixesIf(chain, axis === chain.at);
  },
  places: (chain, axis) => {
    const dim = chain.add('Gather', `${chain.add('Shape', '_')} ${chain.scalar(axis)}`);
    const range = chain.add('Range', `${chain.scalar(0)} ${dim} ${chain.scalar(1)}`);
    const behind = Array.from({ length: chain.rank - 1 - axis }, (_, i) => i + 1);
    const column = behind.length === 0 ? range : chain.unsqueeze(range, behind);
    chain.go('Add', `_ ${chain.add('Cast', column, { to: 1 })}`);
    return mixesIf(chain, axis === chain.at);
  },
  /** All dims up to the rows become one, and go back. */
  merge: (chain, _axis, choice) => {
    if (chain.at === chain.rank - 1) return false;
    const shape = chain.add('Shape', '_');
    const behind = chain.add('Slice', `${shape} ${chain.ints(chain.at + 1)} ${chain.ints(100)}`);
    chain.go('Reshape', `_ ${chain.add('Concat', `${chain.ints(-1)} ${behind}`, { axis: 0 })}`);
    chain.go(
      choice % 2 === 0 ? 'Softmax' : 'Tanh',
      '_',
      choice % 2 === 0 ? { axis: chain.rank - 1 - chain.at } : undefined,
    );
    chain.go('Reshape', `_ ${shape}`);
    return true;
  },
  /** Blocks that are no rows. */
  cut: (chain) => {
    const shape = chain.add('Shape', '_');
    if ((size(chain) / ROWS) % 2 !== 0) return false;
    chain.go('Reshape', `_ ${chain.ints(2, -1)}`);
    chain.go('Softmax', '_', { axis: 1 });
    chain.go('Reshape', `_ ${shape}`);
    return mixesIf(chain, true);
  },
  quantize: (chain) => {
    const names = [chain.fresh(), chain.fresh(), chain.fresh()];
    chain.nodes.push(node('DynamicQuantizeLinear', chain.name, names.join(' ')));
    chain.go('DequantizeLinear', names.join(' '));
    return mixesIf(chain, true);
  },
  widen: (chain, axis) => {
    if (chain.rank > 4) return false;
    chain.name = chain.unsqueeze(chain.name, [axis]);
    chain.dims.splice(axis, 0, 1);
    if (axis <= chain.at) chain.at += 1;
    return true;
  },
};

export const STEP_NAMES: readonly string[] = Object.keys(STEPS);

function size(chain: Chain): number {
  return chain.dims.reduce((a, b) => a * b, 1);
}

/** The graph of a plan; steps that do not fit are left out. */
export function rowGraph(plan: GraphPlan): RowGraph {
  const chain = new Chain(plan);
  const inputDims = [...chain.dims];
  const inputAt = chain.at;
  for (const { kind, axis, choice } of plan.steps) {
    const name = STEP_NAMES[kind % STEP_NAMES.length]!;
    const along = axis % chain.rank;
    const before = `${name} of axis ${along} [${chain.dims}] rows on ${chain.at}`;
    if (STEPS[name]!(chain, along, choice)) chain.story.push(`${before}${chain.mixes ? ' (mixed)' : ''}`);
  }
  chain.nodes.push(node('Identity', chain.name, 'y'));
  const dims: GraphDims = inputDims.map((dim, i) => (i === inputAt ? 'N' : plan.isFree ? `D${i}` : dim));
  const model: GraphModel = {
    inputs: { x: { type: 'float', dims } },
    outputs: { y: { type: 'float' } },
    nodes: chain.nodes,
    constants: chain.constants,
    opsets: { '': plan.opset },
  };
  return { model, inputDims, inputAt, outputAt: chain.at, mixes: chain.mixes, story: chain.story };
}
