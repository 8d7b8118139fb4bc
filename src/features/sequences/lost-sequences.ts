/** Remembers lately how sequences ended, so that a step that comes after it is told why. Bounded: the oldest goes. */
import type { SequenceEnd } from './sequence.ts';

/** The most ends that are remembered for one model. */
const MOST = 1024;

export class LostSequences {
  readonly #ends = new Map<string, SequenceEnd>();

  add(owner: string, id: string, end: SequenceEnd): void {
    const key = keyOf(owner, id);
    this.#ends.delete(key);
    this.#ends.set(key, end);
    if (this.#ends.size <= MOST) return;
    const [oldest] = this.#ends.keys();
    this.#ends.delete(oldest!);
  }

  /** Undefined if it is not known that there was one. */
  endOf(owner: string, id: string): SequenceEnd | undefined {
    return this.#ends.get(keyOf(owner, id));
  }

  forget(owner: string, id: string): void {
    this.#ends.delete(keyOf(owner, id));
  }
}

/** Two pairs have one key only if they are equal: the length says where the owner ends. */
function keyOf(owner: string, id: string): string {
  return `${owner.length} ${owner}${id}`;
}
