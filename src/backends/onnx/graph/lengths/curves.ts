/**
 * Numbers as functions of a length n, evaluated at every n from 1 to LONGEST, and bounds of the elements of a tensor.
 *
 *     Shape(x)[1]       n                a point: the bounds are one curve
 *     Range(0, n)       0 … n - 1        tight: some element has each of the bounds
 *     slopes · Range    -∞ … ∞           loose: nothing is known of what lies between
 */
import { undecidedModel } from '../../../graph/limits.ts';

/** The longest row for which curves are evaluated. Beyond it, lengths are found by the constants of the graph alone. */
export const LONGEST = 4096;
/** Curves of one graph: they take time and memory. */
const MOST_CURVES = 4096;

/** A number is one that is the same for all lengths; element i of a list is that of length i + 1. */
export type Curve = number | Float64Array;

/** The length itself. */
export const LENGTH: Curve = Float64Array.from({ length: LONGEST }, (_, i) => i + 1);

/** An operation on numbers. */
export type Compute = (...numbers: readonly number[]) => number;

export interface Bounds {
  readonly lo: Curve;
  readonly hi: Curve;
  /** The elements lie within the bounds, but may come to neither of them. */
  readonly isLoose: boolean;
}

export function point(curve: Curve): Bounds {
  return { lo: curve, hi: curve, isLoose: false };
}

export function between(lo: Curve, hi: Curve, isLoose = false): Bounds {
  return { lo, hi, isLoose };
}

export const ANY_NUMBER = between(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, true);
/** A dim that is not known. */
export const ANY_SIZE = between(0, Number.POSITIVE_INFINITY, true);

export function isPoint({ lo, hi, isLoose }: Bounds): boolean {
  return !isLoose && Object.is(lo, hi);
}

/** It may be another number for another length. */
export function varies({ lo, hi, isLoose }: Bounds): boolean {
  return isLoose || typeof lo !== 'number' || typeof hi !== 'number';
}

export function at(curve: Curve, i: number): number {
  return typeof curve === 'number' ? curve : curve[i]!;
}

/** Whether the condition holds for all lengths. */
export function always(condition: (a: number, b: number) => boolean, a: Curve, b: Curve): boolean {
  if (typeof a === 'number' && typeof b === 'number') return condition(a, b);
  for (let i = 0; i < LONGEST; i++) if (!condition(at(a, i), at(b, i))) return false;
  return true;
}

/** Computes with curves, up to MOST_CURVES. */
export class Curves {
  #cost = 0;

  /** How many have been computed, those of many others as several. */
  get cost(): number {
    return this.#cost;
  }

  /** Throws UndecidedModel if it is one too many. */
  of(compute: Compute, ...curves: readonly Curve[]): Curve {
    if (curves.every((curve) => typeof curve === 'number')) return compute(...curves);
    this.#cost += Math.ceil(curves.length / 4);
    if (this.#cost > MOST_CURVES) throw undecidedModel(`it computes more than ${MOST_CURVES} numbers of lengths`);
    const result = new Float64Array(LONGEST);
    const numbers: number[] = [];
    let isConstant = true;
    for (let i = 0; i < LONGEST; i++) {
      for (let k = 0; k < curves.length; k++) numbers[k] = at(curves[k]!, i);
      result[i] = compute(...numbers);
      isConstant &&= Object.is(result[i], result[0]);
    }
    return isConstant ? result[0]! : result;
  }

  /** The bounds of the results of an operation that rises or falls with each of its one, two or three operands. */
  bounds(compute: Compute, ...operands: readonly Bounds[]): Bounds {
    if (operands.every(isPoint)) return point(this.of(compute, ...operands.map(({ lo }) => lo)));
    const ends = operands.flatMap(({ lo, hi }) => [lo, hi]);
    let isLoose = operands.some((operand) => operand.isLoose);
    const furthest = (pick: Compute, otherwise: number) =>
      this.of(
        (...numbers) => {
          const result = furthestCorner(compute, pick, numbers);
          isLoose ||= Number.isNaN(result);
          return Number.isNaN(result) ? otherwise : result;
        },
        ...ends,
      );
    const lo = furthest(Math.min, Number.NEGATIVE_INFINITY);
    const hi = furthest(Math.max, Number.POSITIVE_INFINITY);
    // Nothing is left between two equal bounds, such as those of 0 times anything.
    return between(lo, hi, isLoose && !(typeof lo === 'number' && lo === hi));
  }

  /** The bounds of all elements of several tensors together. */
  hull(parts: readonly Bounds[]): Bounds {
    const [first = ANY_NUMBER, ...others] = parts;
    if (others.every(({ lo, hi }) => Object.is(lo, first.lo) && Object.is(hi, first.hi))) {
      return parts.some(({ isLoose }) => isLoose) ? { ...first, isLoose: true } : first;
    }
    const lo = this.of((...n) => Math.min(...n), ...parts.map((part) => part.lo));
    const hi = this.of((...n) => Math.max(...n), ...parts.map((part) => part.hi));
    return between(lo, hi, parts.length > 2 || parts.some(({ isLoose }) => isLoose));
  }
}

/** The furthest of the results at all corners of a box, whose ends are lo, hi, lo, hi, …; NaN if one of them is. */
function furthestCorner(compute: Compute, pick: Compute, ends: readonly number[]): number {
  let furthest: number | undefined;
  for (let corner = 0; corner < 2 ** (ends.length / 2); corner++) {
    const [a, b, c] = [ends[corner & 1]!, ends[2 + ((corner >> 1) & 1)]!, ends[4 + ((corner >> 2) & 1)]!];
    const result = ends.length === 2 ? compute(a) : ends.length === 4 ? compute(a, b) : compute(a, b, c);
    furthest = furthest === undefined ? result : pick(furthest, result);
  }
  return furthest!;
}
