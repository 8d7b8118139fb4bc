/** A node with the values of its inputs: what a rule of length-rules.ts sees, and how it makes a value. */
import type { NodeProto } from '../../../graph/graph-proto.ts';
import { ANY_NUMBER, always, type Bounds, type Curve, type Curves, isPoint, varies } from './curves.ts';
import type { FoundLengths } from './found-lengths.ts';
import {
  countOf,
  type Dims,
  hasLengthAxis,
  isConstant,
  isOfLengths,
  MOST_ELEMENTS,
  MOST_SCALARS,
  numbersOf,
  type Value,
  type Values,
} from './length-values.ts';

/** The node cannot be followed; the message says why. */
export class Unfollowed extends Error {}

export type LengthRule = (call: LengthCall) => Value | readonly Value[];

/** Facts of a result that do not follow from the inputs. */
interface Result {
  readonly dims?: Dims | undefined;
  readonly all?: Bounds;
  readonly elements?: readonly Bounds[] | undefined;
  /** The inputs whose numbers are in it; default: all. */
  readonly from?: Values;
  /** A length has come into its numbers. */
  readonly isLength?: boolean;
}

export class LengthCall {
  readonly node: NodeProto;
  readonly opset: number;
  readonly inputs: Values;
  readonly curves: Curves;
  readonly found: FoundLengths;

  constructor(
    { node, opset, inputs }: Pick<LengthCall, 'node' | 'opset' | 'inputs'>,
    { curves, found }: Pick<LengthCall, 'curves' | 'found'>,
  ) {
    this.node = node;
    this.opset = opset;
    this.inputs = inputs;
    this.curves = curves;
    this.found = found;
  }

  get present(): readonly Value[] {
    return this.inputs.filter((value) => value !== undefined);
  }

  /** Throws Unfollowed if it is left out. */
  input(i: number): Value {
    const value = this.inputs[i];
    if (value === undefined) throw new Unfollowed(`its input ${i} is missing`);
    return value;
  }

  int(name: string, otherwise: number): number {
    return this.node.attributes.get(name)?.int ?? otherwise;
  }

  ints(name: string): readonly number[] | undefined {
    return this.node.attributes.get(name)?.ints;
  }

  float(name: string): number | undefined {
    return this.node.attributes.get(name)?.floats[0];
  }

  /** Numbers that newer versions of an op have as input `i`, older ones as an attribute; undefined = not known. */
  list(i: number, name: string): readonly number[] | undefined {
    return this.inputs[i] === undefined ? this.ints(name) : numbersOf(this.inputs[i]);
  }

  /** `axis` counted from the front; undefined if the rank is not known. */
  axis(axis: number, dims: Dims | undefined): number | undefined {
    if (dims === undefined) return undefined;
    const front = axis < 0 ? axis + dims.length : axis;
    return front >= 0 && front < dims.length ? front : undefined;
  }

  /** Whether nothing of a request is in the numbers, but lengths are. */
  get isOfLengths(): boolean {
    return this.present.some(isOfLengths) && !this.isOfData;
  }

  get isOfData(): boolean {
    return this.present.some(({ isData }) => isData);
  }

  result({ dims, all, elements, from, isLength = false }: Result): Value {
    const sources = (from ?? this.inputs).filter((value) => value !== undefined);
    const isData = sources.some((value) => value.isData);
    const isTable = !isData && sources.some((value) => value.isTable);
    const count = countOf(dims);
    const known = elements !== undefined && elements.length <= MOST_ELEMENTS ? elements : undefined;
    const whole = all ?? (known === undefined ? ANY_NUMBER : this.curves.hull(known));
    const each = known ?? (count === 1 ? [whole] : undefined);
    const hadLength = isLength || sources.some((value) => value.isLength);
    const moves =
      each === undefined ? hadLength || isCurve(whole.lo) || isCurve(whole.hi) : each.some(movesOf(hadLength));
    return { dims, all: whole, elements: each, isData, isTable, isLength: isData ? hadLength : moves };
  }

  /** A number of the graph that may be compared with a length, wherever it stands. */
  constants(...values: Values): void {
    for (const value of values) {
      if (value === undefined || value.isData || (value.elements?.length ?? MOST_ELEMENTS) > MOST_SCALARS) continue;
      for (const { lo, hi } of value.elements!) if (typeof lo === 'number' && lo === hi) this.found.constant(lo);
    }
  }

  /**
   * The node does one thing or another by which of the two is larger; by default it is decided where none of the one's
   * elements is above any of the other's. Throws Unfollowed if lengths alone decide it, and it cannot be told where.
   */
  choose(a: Bounds, b: Bounds, isDecided = isNeverAbove(a, b) || isNeverAbove(b, a)): void {
    this.found.meetings(a, b);
    if (isDecided || !this.isOfLengths || (!a.isLoose && !b.isLoose)) return;
    throw new Unfollowed('what it does depends on the length, and nothing tells where it changes');
  }

  /** Each number of the table may be a threshold. */
  refuseTables(): void {
    if (!this.isOfLengths) return;
    const isThresholds = (value: Value) => !value.isLength && !isPoint(value.all) && (value.elements?.length ?? 99) > 2;
    if (this.present.some((value) => isThresholds(value))) {
      throw new Unfollowed('it compares a length with many numbers');
    }
  }

  /** Whether all inputs are the same for every request. */
  get isConstant(): boolean {
    return this.present.every(isConstant);
  }

  /** An axis or a number may be a length. */
  get mayHaveLength(): boolean {
    return this.present.some((value) => value.isLength || hasLengthAxis(value));
  }
}

function isCurve(curve: Curve): boolean {
  return typeof curve !== 'number';
}

function movesOf(hadLength: boolean): (bounds: Bounds) => boolean {
  return (bounds) => (bounds.isLoose ? hadLength : varies(bounds));
}

function isNeverAbove(a: Bounds, b: Bounds): boolean {
  return always((x, y) => x <= y, a.hi, b.lo);
}
