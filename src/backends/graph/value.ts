/**
 * The known facts of a tensor before the graph runs: its dims, and where the rows of the batch are in it.
 *
 *   same     equal for all requests of a run, whatever their rows hold and however many there are
 *   rows     one axis is the batch; what belongs to row i depends on row i of the inputs alone
 *   counts   integers that depend on the number of rows, such as the result of Shape; never on what they hold
 *   lost     rows are mixed, or cannot be followed, or are never computed
 *
 * The axis of `rows` may be merged with others, as after a Reshape: its index is then (o × B + row) × inner + i.
 */
import { type Element, integerSymbol, isFreeOfRows, isNumber, numberOf, ONE, type Size } from './size.ts';

export type Dims = readonly Size[];

export interface RowAxis {
  readonly at: number;
  /** Sizes of what was merged in front of the rows and behind them; 1 and 1 for a plain batch axis. */
  readonly outer: Size;
  readonly inner: Size;
}

export interface Same {
  readonly kind: 'same';
  /** Undefined = any rank. */
  readonly dims: Dims | undefined;
  /** The elements of a small tensor of integers or booleans, in row-major order; none depends on the number of rows. */
  readonly elements?: readonly Element[] | undefined;
  /** Those are floats. Absent = integers, or not known. */
  readonly isFloat?: boolean;
}

export interface Rows {
  readonly kind: 'rows';
  /** All but the batch axis are free of the number of rows. */
  readonly dims: Dims;
  readonly axis: RowAxis;
}

export interface Counts {
  readonly kind: 'counts';
  readonly dims: Dims;
  readonly elements: readonly Element[];
  /** The elements are floats. Absent = integers, or not known. */
  readonly isFloat?: boolean;
}

/** Why a value is lost; `fails` = the runtime refuses to compute it, so that there is no answer to be wrong. */
type LostVerdict = 'mixed' | 'undecided' | 'fails';

export interface Lost {
  readonly kind: 'lost';
  readonly verdict: LostVerdict;
  readonly reason: string;
}

export type Value = Same | Rows | Counts | Lost;

/** A value with dims: what rules compute on. */
export type Known = Same | Rows;

/** Thrown by a rule: the outputs of its node are lost. */
export class RowsLost extends Error {
  readonly verdict: LostVerdict;

  constructor(verdict: LostVerdict, reason: string) {
    super(reason);
    this.verdict = verdict;
  }
}

/** Rows of the batch reach each other's results. */
export function mixed(reason: string): RowsLost {
  return new RowsLost('mixed', reason);
}

/** It cannot be told whether they do. */
export function undecided(reason: string): RowsLost {
  return new RowsLost('undecided', reason);
}

/** The runtime surely refuses to run the node. */
export function fails(reason: string): RowsLost {
  return new RowsLost('fails', reason);
}

export function same(dims: Dims | undefined, elements?: readonly Element[]): Same {
  return { kind: 'same', dims, elements };
}

export function rows(dims: Dims, axis: RowAxis): Rows {
  return { kind: 'rows', dims, axis };
}

/** The axis of a batch that is merged with nothing. */
export function plainAxis(at: number): RowAxis {
  return { at, outer: ONE, inner: ONE };
}

/** The same axis, moved to `at`. */
export function movedTo(axis: RowAxis, at: number): RowAxis {
  return { ...axis, at };
}

/** `same` or `counts`, as the elements have it. */
export function integers(dims: Dims, elements: readonly Element[]): Same | Counts {
  return elements.every(isFreeOfRows) ? same(dims, elements) : { kind: 'counts', dims, elements };
}

/** Dims that are `dims` where `axis` is undefined, and rows along `axis` elsewhere. */
export function along(dims: Dims, axis: RowAxis | undefined): Known {
  return axis === undefined ? same(dims) : rows(dims, axis);
}

export function axisOf(value: Known): RowAxis | undefined {
  return value.kind === 'rows' ? value.axis : undefined;
}

/** Checks what holds for the results of all rules: a slip in one makes its node undecided, not its rows mixed. */
export function checkInvariants(value: Value, inputs: readonly (Value | undefined)[]): void {
  if (value.kind === 'same' && inputs.some((input) => input?.kind === 'rows' || input?.kind === 'counts')) {
    throw new RowsLost('undecided', 'its result may depend on the rows or on how many there are');
  }
  const { dims } = value.kind === 'lost' ? { dims: undefined } : value;
  const batch = value.kind === 'rows' ? value.axis.at : undefined;
  if (dims?.some((dim, axis) => axis !== batch && !isFreeOfRows(dim))) {
    throw new RowsLost('undecided', 'a dim beside the rows depends on how many there are');
  }
}

/**
 * The result of a rule for data as a value of its own, with elements of its own or none: types and names of elements
 * belong to one value, and a rule may return its input for a result of equal dims.
 */
export function ownValue(value: Value, inputs: readonly (Value | undefined)[]): Value {
  // All nodes share a value without dims.
  if (value.kind === 'same' && value.dims === undefined) return value;
  return value.kind === 'same' && inputs.includes(value) ? same(value.dims) : { ...value };
}

/** One of several values that is never computed, or else one that is surely mixed; undefined if none is lost. */
export function lostOf(values: readonly (Value | undefined)[]): Lost | undefined {
  const all = values.filter((value) => value?.kind === 'lost');
  return all.find(({ verdict }) => verdict === 'fails') ?? all.find(({ verdict }) => verdict === 'mixed') ?? all[0];
}

/** Most elements of a tensor that are followed one by one. */
export const MOST_ELEMENTS = 64;
/** Most elements that get a symbol each: a shape has no more. */
const MOST_NAMED = 32;

/**
 * The elements of a small tensor of integers. Where the graph does not tell them, they are symbols of the value `name`:
 * they are the same for all requests.
 */
export function elementsOf(value: Value, name: string): readonly Element[] | undefined {
  if (value.kind === 'counts') return value.elements;
  if (value.kind !== 'same' || value.elements !== undefined) return value.kind === 'same' ? value.elements : undefined;
  const { dims } = value;
  if (dims === undefined || dims.length > 1 || !dims.every(isNumber)) return undefined;
  const count = numberOf(dims[0]) ?? 1;
  if (count > MOST_NAMED) return undefined;
  return Array.from({ length: count }, (_, i) => integerSymbol(`${name}[${i}]`));
}
