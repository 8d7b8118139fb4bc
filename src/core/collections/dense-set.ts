/**
 * A set whose members know their place in it, for members that come and go with every request.
 *
 *   members  [ a ][ b ][ c ][ d ]       remove(b): the last takes its place   [ a ][ d ][ c ]
 *              0    1    2    3
 *
 * add, remove: O(1), nothing allocated; no order. A Map or Set would keep finished requests alive: V8 makes its table
 * anew every few dozen members and links the old table to the new one (docs/adr/0011).
 */

export interface DenseSetMember {
  /** Written by the set; −1 while the member is in no set. */
  setIndex: number;
}

export class DenseSet<T extends DenseSetMember> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  /** `member` is in no set yet. */
  add(member: T): void {
    member.setIndex = this.#members.length;
    this.#members.push(member);
  }

  /** False if it was not in the set. */
  remove(member: T): boolean {
    const index = member.setIndex;
    if (index === -1) return false;
    const last = this.#members.pop()!;
    member.setIndex = -1;
    if (last !== member) {
      this.#members[index] = last;
      last.setIndex = index;
    }
    return true;
  }

  /** The members themselves: do not keep it, as it changes with the set. */
  get members(): readonly T[] {
    return this.#members;
  }

  /** A copy of the members: the set may change while it is used. */
  toArray(): readonly T[] {
    return this.#members.slice();
  }
}
