import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Heap, type HeapEntry } from '../../src/core/collections/heap.ts';

interface Entry extends HeapEntry {
  readonly key: number;
}

type Step = { readonly add: number } | { readonly remove: number } | 'take';

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ add: fc.integer({ min: -20, max: 20 }) }),
    fc.record({ remove: fc.nat() }),
    fc.constant('take' as const),
  ),
  { maxLength: 200 },
);

describe('Heap, under any sequence of adds and removals', () => {
  it('always has a least entry first, and every entry knows whether it is in', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const heap = new Heap<Entry>((a, b) => a.key < b.key);
        const model: Entry[] = [];
        for (const step of sequence) {
          if (step === 'take') take(heap, model);
          else if ('add' in step) add(heap, model, step.add);
          else removeAny(heap, model, step.remove);
          assert.equal(heap.size, model.length);
          assert.equal(heap.peek()?.key, least(model));
          const keys = [...heap.inOrder()].map(({ key }) => key);
          assert.deepEqual(
            keys,
            model.map(({ key }) => key).sort((a, b) => a - b),
          );
          for (const entry of model) assert.ok(entry.heapIndex >= 0 && entry.heapIndex < model.length);
          assert.equal(new Set(model.map((e) => e.heapIndex)).size, model.length);
        }
      }),
    );
  });
});

function add(heap: Heap<Entry>, model: Entry[], key: number): void {
  const entry: Entry = { key, heapIndex: -1 };
  heap.add(entry);
  model.push(entry);
}

function take(heap: Heap<Entry>, model: Entry[]): void {
  const first = heap.peek();
  if (first === undefined) return;
  assert.equal(heap.remove(first), true);
  model.splice(model.indexOf(first), 1);
}

function removeAny(heap: Heap<Entry>, model: Entry[], at: number): void {
  const [entry] = model.splice(at % (model.length || 1), 1);
  if (entry === undefined) return;
  assert.equal(heap.remove(entry), true);
  assert.equal(entry.heapIndex, -1);
  assert.equal(heap.remove(entry), false, 'twice is once');
}

function least(model: readonly Entry[]): number | undefined {
  return model.length === 0 ? undefined : Math.min(...model.map((e) => e.key));
}
