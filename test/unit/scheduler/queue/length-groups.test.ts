import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { groupOfFirst, type RowsOfLength } from '../../../../src/scheduler/queue/length-groups.ts';

/** 20 ms, and one for each element. */
const cost = (rows: number, length: number): number => 20 + rows * length;
const ofLengths = (...lengths: number[]): RowsOfLength[] => lengths.map((length) => ({ rows: 1, length }));

function lengthsWithFirst(...lengths: number[]): number[] {
  return [...groupOfFirst(ofLengths(...lengths), 64, cost)].map(({ length }) => length).sort((a, b) => a - b);
}

describe('groupOfFirst', () => {
  it('takes all where a second run costs more than the padding', () => {
    assert.deepEqual(lengthsWithFirst(10, 14, 12), [10, 12, 14]);
  });

  it('takes those that are like the first, whether it is short or long', () => {
    assert.deepEqual(lengthsWithFirst(4, 128, 5, 120, 6), [4, 5, 6]);
    assert.deepEqual(lengthsWithFirst(120, 4, 128, 5, 6), [120, 128]);
  });

  it('sums what the padding of many rows costs', () => {
    // To pad one of them costs less than a second run, to pad three costs more.
    assert.deepEqual(lengthsWithFirst(20, 4), [4, 20]);
    assert.deepEqual(lengthsWithFirst(20, 4, 4, 4), [20]);
  });

  it('cuts again what it has cut', () => {
    const many = [4, 60, 250].flatMap((length) => new Array<number>(8).fill(length));
    assert.deepEqual(lengthsWithFirst(...many), new Array(8).fill(4));
  });

  it('keeps all while nothing is known of run times', () => {
    assert.equal(groupOfFirst(ofLengths(1, 500), 64, () => 0).size, 2);
  });

  it('always holds the first, in one range of lengths, and never costs more than all in one run', () => {
    const task = fc.record({ rows: fc.integer({ min: 1, max: 4 }), length: fc.integer({ min: 1, max: 300 }) });
    fc.assert(
      fc.property(fc.array(task, { minLength: 1, maxLength: 30 }), (tasks) => {
        const group = groupOfFirst(tasks, 1000, cost);
        assert.ok(group.has(tasks[0]!));
        const lengths = [...group].map(({ length }) => length);
        const [least, most] = [Math.min(...lengths), Math.max(...lengths)];
        for (const each of tasks) if (each.length > least && each.length < most) assert.ok(group.has(each));
        const costOf = (some: readonly RowsOfLength[]): number =>
          some.length === 0
            ? 0
            : cost(
                some.reduce((rows, each) => rows + each.rows, 0),
                Math.max(...some.map(({ length }) => length)),
              );
        const others = tasks.filter((each) => !group.has(each));
        const shorter = others.filter(({ length }) => length < least);
        const longer = others.filter(({ length }) => length > most);
        assert.ok(costOf([...group]) + costOf(shorter) + costOf(longer) <= costOf(tasks) + 1e-9);
      }),
    );
  });
});
