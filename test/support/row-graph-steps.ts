/** Steps of a chain: each keeps the rows of one axis apart or mixes them, and says so. */
import { floats, node } from './onnx-graph.ts';
import { type Chain, ROWS } from './row-chain.ts';

const MOST_ELEMENTS = 600;

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

export const STEPS: Readonly<Record<string, Step>> = {
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
  /** Channels are axis 1, what a window slides over is axis 2. */
  convolve: (chain) => {
    if (chain.rank !== 3 || chain.at === 1) return false;
    const kernel = chain.weights([2, chain.dims[1]!, 3]);
    chain.go('Conv', `_ ${kernel}`, { pads: [1, 1], kernel_shape: [3] });
    chain.dims[1] = 2;
    return mixesIf(chain, chain.at === 2);
  },
  pool: (chain, _axis, choice) => {
    if (chain.rank !== 3) return false;
    chain.go(choice % 2 === 0 ? 'MaxPool' : 'AveragePool', '_', { kernel_shape: [3], pads: [1, 1] });
    return mixesIf(chain, chain.at === 2);
  },
  channelNorm: (chain) => {
    if (chain.rank !== 3 || chain.at === 1) return false;
    const ones = chain.weights([chain.dims[1]!]);
    chain.go('InstanceNormalization', `_ ${ones} ${ones}`);
    return mixesIf(chain, chain.at === 2);
  },
  /** Everything moves by one along an axis. */
  shift: (chain, axis) => {
    const pads = chain.dims.map((_, i) => (i === axis ? 1 : 0));
    const padded = chain.add('Pad', `_ ${chain.ints(...pads, ...pads.map(() => 0))}`);
    chain.go('Slice', `${padded} ${chain.ints(0)} ${chain.ints(-1)} ${chain.ints(axis)}`);
    return mixesIf(chain, axis === chain.at);
  },
  /** Elements on one side of an axis go to the other. */
  halves: (chain, axis) => {
    if (chain.dims[axis]! % 2 !== 0 || axis === chain.at) return false;
    const [first, second] = [chain.fresh(), chain.fresh()];
    chain.nodes.push(
      node('Split', chain.name, `${first} ${second}`, chain.opset >= 18 ? { axis, num_outputs: 2 } : { axis }),
    );
    chain.go('Concat', `${second} ${first}`, { axis });
    return true;
  },
  /** A constant that is longer by the number of rows, or of columns. */
  padded: (chain, axis) => {
    const shape = chain.add('Shape', '_');
    const count = chain.add('Slice', `${shape} ${chain.ints(axis)} ${chain.ints(axis + 1)}`);
    const one = chain.fresh();
    chain.constants[one] = floats([1], []);
    const pads = chain.add('Concat', `${chain.ints(0)} ${count}`, { axis: 0 });
    const longer = chain.add('Pad', `${chain.weights([2])} ${pads} ${one}`);
    const total = chain.add('ReduceL1', longer, { keepdims: 0 });
    chain.name = scaled(chain, chain.add('Add', `_ ${total}`));
    return mixesIf(chain, axis === chain.at);
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

function size(chain: Chain): number {
  return chain.dims.reduce((a, b) => a * b, 1);
}
