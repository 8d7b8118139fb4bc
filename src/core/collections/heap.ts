/**
 * A binary min-heap whose entries know their index, so that any of them can leave in O(log n).
 *
 *            0            parent(i) = (i − 1) >> 1
 *        1       2        children  = 2i + 1, 2i + 2
 *      3   4   5          add, remove: O(log n); peek: O(1)
 *
 */
export interface HeapEntry {
  /** Written by the heap; −1 while the entry is in no heap. */
  heapIndex: number;
}

export class Heap<T extends HeapEntry> {
  readonly #entries: T[] = [];
  readonly #isBefore: (a: T, b: T) => boolean;

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore;
  }

  get size(): number {
    return this.#entries.length;
  }

  peek(): T | undefined {
    return this.#entries[0];
  }

  /** All entries, in no particular order. */
  entries(): Iterable<T> {
    return this.#entries;
  }

  /** All entries, the least first; the k-th takes O(k). The heap may not change meanwhile. */
  *inOrder(): Iterable<T> {
    const entries = this.#entries;
    // Each entry that was given has left its place to its children.
    const next = entries.length === 0 ? [] : [0];
    while (next.length > 0) {
      let least = 0;
      for (let i = 1; i < next.length; i++) {
        if (this.#isBefore(entries[next[i]!]!, entries[next[least]!]!)) least = i;
      }
      const index = next[least]!;
      next.splice(least, 1);
      for (const child of [2 * index + 1, 2 * index + 2]) if (child < entries.length) next.push(child);
      yield entries[index]!;
    }
  }

  add(entry: T): void {
    entry.heapIndex = this.#entries.length;
    this.#entries.push(entry);
    this.#rise(entry);
  }

  /** False if the entry was not in the heap. */
  remove(entry: T): boolean {
    const index = entry.heapIndex;
    if (index === -1) return false;
    const last = this.#entries.pop()!;
    entry.heapIndex = -1;
    if (last === entry) return true;
    this.#place(last, index);
    this.#rise(last);
    this.#sink(last);
    return true;
  }

  #place(entry: T, index: number): void {
    this.#entries[index] = entry;
    entry.heapIndex = index;
  }

  #rise(entry: T): void {
    let index = entry.heapIndex;
    while (index > 0) {
      const parent = this.#entries[(index - 1) >> 1]!;
      if (!this.#isBefore(entry, parent)) break;
      const parentIndex = parent.heapIndex;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(entry, index);
  }

  #sink(entry: T): void {
    let index = entry.heapIndex;
    const { length } = this.#entries;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= length) break;
      const right = left + 1;
      const child =
        right < length && this.#isBefore(this.#entries[right]!, this.#entries[left]!)
          ? this.#entries[right]!
          : this.#entries[left]!;
      if (!this.#isBefore(child, entry)) break;
      const childIndex = child.heapIndex;
      this.#place(child, index);
      index = childIndex;
    }
    this.#place(entry, index);
  }
}
