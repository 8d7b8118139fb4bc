/** A chain of nodes from x, and what is known of its end: for graphs whose truth is known. */
import { floats, type GraphNode, type GraphTensor, int64s, node } from './onnx-graph.ts';

/** The rows of a batch. */
export const ROWS = 3;

/** The chain so far, and its end. */
export class Chain {
  readonly nodes: GraphNode[] = [];
  readonly constants: Record<string, GraphTensor> = {};
  readonly story: string[] = [];
  readonly opset: number;
  name = 'x';
  dims: number[];
  at: number;
  mixes = false;
  #count = 0;

  constructor(dims: readonly number[], at: number, opset: number) {
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
