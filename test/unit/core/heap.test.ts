import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Heap, type HeapEntry } from '../../../src/core/collections/heap.ts';

interface Entry extends HeapEntry {
  readonly key: number;
}

const heap = (): Heap<Entry> => new Heap<Entry>((a, b) => a.key < b.key);
const entry = (key: number): Entry => ({ key, heapIndex: -1 });

function drain(from: Heap<Entry>): number[] {
  const keys: number[] = [];
  for (let first = from.peek(); first !== undefined; first = from.peek()) {
    from.remove(first);
    keys.push(first.key);
  }
  return keys;
}

describe('Heap', () => {
  it('gives its entries in order', () => {
    const h = heap();
    for (const key of [5, 3, 8, 1, 9, 2, 7]) h.add(entry(key));
    assert.equal(h.size, 7);
    assert.deepEqual(drain(h), [1, 2, 3, 5, 7, 8, 9]);
    assert.equal(h.size, 0);
  });

  it('has no first entry when empty', () => {
    assert.equal(heap().peek(), undefined);
  });

  it('keeps its order when an entry leaves whose replacement must rise', () => {
    // 1 ─ (10 ─ (11, 12), 2 ─ (3, 4)): taking 11 out puts 4 under 10, where it must go up.
    const h = heap();
    const entries = [1, 10, 2, 11, 12, 3, 4].map(entry);
    for (const e of entries) h.add(e);
    assert.equal(h.remove(entries[3]!), true);
    assert.deepEqual(drain(h), [1, 2, 3, 4, 10, 12]);
  });

  it('removes an entry once', () => {
    const h = heap();
    const [a, b] = [entry(1), entry(2)];
    h.add(a);
    h.add(b);
    assert.equal(h.remove(a), true);
    assert.equal(a.heapIndex, -1);
    assert.equal(h.remove(a), false);
    assert.deepEqual(drain(h), [2]);
  });

  it('takes an entry that was removed again', () => {
    const h = heap();
    const a = entry(1);
    h.add(a);
    h.remove(a);
    h.add(a);
    assert.equal(h.peek(), a);
  });
});
