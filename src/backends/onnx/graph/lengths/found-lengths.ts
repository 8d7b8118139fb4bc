/**
 * The lengths at which the arithmetic of a graph may change: where a curve begins or ends to be flat, where two curves
 * cross, and the constants of the graph, which a number that is not followed may come to.
 */
import type { LengthReading } from '../../../backend.ts';
import { at, type Bounds, type Curve, LONGEST } from './curves.ts';

/** More lengths than this tell nothing. */
const MOST_LENGTHS = 64;
const LONGEST_LENGTH = 65_536;
/** A curve with more changes is a staircase: its first and last steps tell how it goes on. */
const MOST_STEPS = 8;
const FIRST_STEPS = 4;
const LAST_STEPS = 2;

export class FoundLengths {
  readonly #lengths = new Set<number>();
  #scans = 0;

  /** How often all lengths have been looked at. */
  get scans(): number {
    return this.#scans;
  }

  reading(): LengthReading {
    const lengths = [...this.#lengths].sort((a, b) => a - b);
    if (lengths.length <= MOST_LENGTHS) return { kind: 'read', lengths };
    const listed = `${lengths.slice(0, 3).join(', ')} … ${lengths.at(-1)}`;
    const reason = `its arithmetic may change at ${lengths.length} lengths (${listed}), more than ${MOST_LENGTHS}`;
    return { kind: 'unread', reason };
  }

  /** A number that a length, or a count up to it, may be compared with. */
  constant(number: number): void {
    if (!(number > 1)) return;
    this.#add(Math.ceil(number));
    this.#add(Math.floor(number) + 1);
  }

  /** Adds the lengths at which the curve turns from flat to steep, or back, in float32. A single step is one length. */
  turns(curve: Curve): void {
    if (typeof curve === 'number') return;
    const isFlat = (i: number) => Object.is(Math.fround(curve[i]!), Math.fround(curve[i - 1]!));
    this.#changes(2, (i) => (isFlat(i) ? 0 : 1), 1);
  }

  /** Adds the lengths at which a curve becomes higher or lower than the other, or ends to be equal to it. */
  crossings(a: Curve, b: Curve): void {
    if (typeof a === 'number' && typeof b === 'number') return;
    this.#changes(1, (i) => Math.sign(at(a, i) - at(b, i)));
  }

  /** Adds the crossings of all bounds. */
  meetings(a: Bounds, b: Bounds): void {
    for (const x of new Set([a.lo, a.hi])) for (const y of new Set([b.lo, b.hi])) this.crossings(x, y);
  }

  /**
   * Adds the lengths at which the kind changes, from index `from` on; index i is that of length i + 1. The end of
   * `brief`, which lasted for one length, is none.
   */
  #changes(from: number, kindAt: (i: number) => number, brief?: number): void {
    this.#scans += 1;
    const changes: number[] = [];
    let largestGap = 0;
    let kind = kindAt(from - 1);
    for (let i = from; i < LONGEST; i++) {
      const next = kindAt(i);
      if (Object.is(next, kind)) continue;
      const last = changes.at(-1) ?? 0;
      const isEnd = kind === brief && last === i;
      kind = next;
      if (isEnd) continue;
      if (last > 0) largestGap = Math.max(largestGap, i + 1 - last);
      changes.push(i + 1);
    }
    for (const length of steps(changes, largestGap)) this.#add(length);
  }

  #add(length: number): void {
    if (length >= 2 && length <= LONGEST_LENGTH) this.#lengths.add(length);
  }
}

/** The last steps tell something only if it has ended before LONGEST. */
function steps(changes: readonly number[], largestGap: number): readonly number[] {
  if (changes.length <= MOST_STEPS) return changes;
  const hasEnded = LONGEST - changes.at(-1)! > 2 * largestGap;
  return [...changes.slice(0, FIRST_STEPS), ...(hasEnded ? changes.slice(-LAST_STEPS) : [])];
}
