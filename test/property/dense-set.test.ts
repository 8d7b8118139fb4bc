/** A DenseSet and a StreamTable behave as Set and Map do, whatever comes and goes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DenseSet, type DenseSetMember } from '../../src/core/collections/dense-set.ts';
import { StreamTable } from '../../src/proxy/http2/streams/stream-registry.ts';

test('DenseSet is a set', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 20 }), { maxLength: 200 }), (steps) => {
      const members: DenseSetMember[] = Array.from({ length: 21 }, () => ({ setIndex: -1 }));
      const set = new DenseSet<DenseSetMember>();
      const model = new Set<DenseSetMember>();
      for (const step of steps) {
        const member = members[step]!;
        if (model.has(member)) {
          assert.equal(set.remove(member), model.delete(member));
          assert.equal(set.remove(member), false);
        } else {
          set.add(member);
          model.add(member);
        }
        assert.equal(set.size, model.size);
        assert.deepEqual(new Set(set.toArray()), model);
      }
    }),
  );
});

test('StreamTable is a map, with ids that grow, some of which stay', () => {
  const step = fc.record({ skip: fc.nat({ max: 40 }), keeps: fc.boolean(), closes: fc.nat({ max: 30 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new StreamTable<{ readonly id: number }>();
      const model = new Map<number, { readonly id: number }>();
      let id = 1;
      for (const { skip, keeps, closes } of steps) {
        id += 2 * (skip + 1);
        const stream = { id };
        table.add(stream);
        model.set(id, stream);
        const victim = keeps ? [...model.keys()][closes] : id;
        if (victim !== undefined) {
          table.delete(victim);
          model.delete(victim);
          table.delete(victim);
        }
        assert.equal(table.size, model.size);
        for (const known of model.values()) assert.equal(table.get(known.id), known);
        assert.equal(table.get(id + 2), undefined);
      }
      assert.deepEqual(new Set(table.toArray()), new Set(model.values()));
    }),
  );
});

test('StreamTable takes ids up to the largest there is', () => {
  const table = new StreamTable<{ readonly id: number }>();
  for (const id of [1, 2 ** 31 - 1, 2 ** 31 - 17, 17]) table.add({ id });
  table.delete(1);
  for (const id of [2 ** 31 - 1, 2 ** 31 - 17, 17]) assert.equal(table.get(id)?.id, id);
});
