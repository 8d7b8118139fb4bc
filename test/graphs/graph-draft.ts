/**
 * A graph that is being drawn: its nodes so far, and what is known of their values when ROWS rows run together. Nothing
 * here knows where rows go, or the rules that judge it.
 */
import type { GraphAttribute, GraphFunction, GraphNode, GraphTensor } from '../support/onnx-graph.ts';
import type { Draw } from './draw.ts';

/** The rows of the runs that drafts are made for: no other dim is as long, but by chance. */
export const ROWS = 7;
/** Larger tensors are not drawn. */
const MOST_ELEMENTS = 2500;
const MOST_RANK = 6;

export type ElementType = GraphTensor['type'];
export type Attributes = Readonly<Record<string, GraphAttribute>>;

/** A value of the graph, as it is with ROWS rows. */
export interface Drawn {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  /** It has no part of the inputs' elements, though it may have one of their dims. */
  readonly isConstant: boolean;
}

/** Thrown where a step does not fit what there is. */
export class StepDoesNotFit extends Error {}

export function misfit(): StepDoesNotFit {
  return new StepDoesNotFit('it does not fit');
}

/** What all drafts of one model share. */
export interface ModelDraft {
  readonly draw: Draw;
  readonly functions: GraphFunction[];
  /** The ops that were drawn, for the shares. */
  readonly ops: Set<string>;
  names: number;
}

export class GraphDraft {
  readonly model: ModelDraft;
  readonly opset: number;
  /** The draft around it, whose values it sees. */
  readonly outer: GraphDraft | undefined;
  /** Functions have no initializers. */
  readonly isFunction: boolean;
  readonly nodes: GraphNode[] = [];
  readonly constants: Record<string, GraphTensor> = {};
  readonly values: Drawn[] = [];

  constructor(model: ModelDraft, opset: number, outer?: GraphDraft, isFunction = false) {
    this.model = model;
    this.opset = opset;
    this.outer = outer;
    this.isFunction = isFunction;
  }

  get draw(): Draw {
    return this.model.draw;
  }

  /** How many graphs it is in. */
  get depth(): number {
    return this.outer === undefined ? Number(this.isFunction) : this.outer.depth + 1;
  }

  fresh(): string {
    this.model.names += 1;
    return `v${this.model.names}`;
  }

  /** All values that its nodes see. */
  get seen(): readonly Drawn[] {
    return this.outer === undefined ? this.values : [...this.outer.seen, ...this.values];
  }

  /** A node with such results. Throws StepDoesNotFit if one is too large. */
  add(
    op: string,
    inputs: readonly (Drawn | undefined)[],
    results: readonly { readonly type: ElementType; readonly dims: readonly number[] }[],
    attributes: Attributes = {},
    domain = '',
  ): readonly Drawn[] {
    if (!results.every(({ dims }) => isSmall(dims))) throw misfit();
    const isConstant = op === 'Shape' || op === 'Size' || inputs.every((input) => input?.isConstant !== false);
    const outputs = results.map((result) => ({ name: this.fresh(), ...result, isConstant }));
    const names = inputs.map((input) => input?.name ?? '');
    this.nodes.push({ op, inputs: names, outputs: outputs.map(({ name }) => name), attributes, domain });
    this.model.ops.add(domain === '' ? op : `${domain}.${op}`);
    this.values.push(...outputs);
    return outputs;
  }

  /** A node of one result. */
  one(
    op: string,
    inputs: readonly (Drawn | undefined)[],
    type: ElementType,
    dims: readonly number[],
    attributes?: Attributes,
    domain?: string,
  ): Drawn {
    return this.add(op, inputs, [{ type, dims }], attributes, domain)[0]!;
  }

  /** A tensor of the file, or a node that gives it. It is no operand of later steps, unless one asks for it. */
  constant(type: ElementType, dims: readonly number[], values: readonly (number | bigint | string)[]): Drawn {
    const name = this.fresh();
    const tensor: GraphTensor = { type, dims, values };
    const isAnyType = this.opset >= 9 || type === 'float' || type === 'double';
    if (this.isFunction && !isAnyType) throw misfit();
    if (this.isFunction || (isAnyType && this.draw.oneIn(5))) {
      this.nodes.push({ op: 'Constant', inputs: [], outputs: [name], attributes: { value: { tensor } } });
    } else this.constants[name] = tensor;
    return { name, type, dims, isConstant: true };
  }

  ints(...values: readonly number[]): Drawn {
    return this.constant('int64', [values.length], values);
  }

  scalar(value: number): Drawn {
    return this.constant('int64', [], [value]);
  }

  /** A value that `fits`, rather a late one, and rather of the rows. Throws StepDoesNotFit if there is none. */
  some(fits: (value: Drawn) => boolean = () => true): Drawn {
    const all = this.seen.filter(fits);
    const ofRows = all.filter(({ isConstant }) => !isConstant);
    const from = ofRows.length > 0 && !this.draw.oneIn(8) ? ofRows : all;
    if (from.length === 0) throw misfit();
    const back = Math.floor(this.draw.next() ** 2 * from.length);
    return from[from.length - 1 - back]!;
  }
}

export function sizeOfDims(dims: readonly number[]): number {
  return dims.reduce((a, b) => a * b, 1);
}

export function isSmall(dims: readonly number[]): boolean {
  return dims.length <= MOST_RANK && dims.every((dim) => dim >= 0) && sizeOfDims(dims) <= MOST_ELEMENTS;
}
