import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RecentTable } from '../../../src/core/collections/recent-table.ts';

interface Value {
  readonly name: string;
  isBusy: boolean;
}

function table(most: number): RecentTable<Value> {
  return new RecentTable<Value>({
    most,
    make: (name) => ({ name, isBusy: false }),
    mayForget: ({ isBusy }) => !isBusy,
    spare: { name: 'spare', isBusy: false },
  });
}

describe('RecentTable', () => {
  it('gives one value for each name', () => {
    const values = table(2);
    const a = values.of('a', 0);
    assert.equal(values.of('b', 0).name, 'b');
    assert.equal(values.of('a', 0), a);
    assert.equal(values.size, 2);
  });

  it('forgets a value that may be forgotten for a new name, and makes it anew', () => {
    const values = table(2);
    const a = values.of('a', 0);
    values.of('b', 0).isBusy = true;
    assert.equal(values.of('c', 0).name, 'c');
    assert.deepEqual([...values.values()].map(({ name }) => name).sort(), ['b', 'c']);
    const again = values.of('a', 0);
    assert.notEqual(again, a);
    assert.equal(again.name, 'a');
  });

  it('forgets none that is busy, whatever names come: they share the spare value', () => {
    const values = table(20);
    const busy = Array.from({ length: 20 }, (_, i) => values.of(`busy ${i}`, 0));
    for (const value of busy) value.isBusy = true;
    for (let i = 0; i < 1000; i++) assert.equal(values.of(`new ${i}`, 0).name, 'spare');
    for (const value of busy) assert.equal(values.of(value.name, 0), value);
    assert.equal(values.size, 20);
  });

  it('gives the forgotten name no value of before, though it was the last one asked for', () => {
    const values = table(1);
    values.of('a', 0);
    values.of('b', 0);
    assert.equal(values.of('a', 0).name, 'a');
    assert.equal(values.size, 1);
  });
});
