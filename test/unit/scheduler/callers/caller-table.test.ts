import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CallerTable, type CallerUse } from '../../../../src/scheduler/callers/caller-table.ts';
import { CALLER_SPAN_MS, MAX_CALLERS } from '../../../../src/scheduler/tuning.ts';

const member = (use: CallerUse, rows: number) => ({ rows, owner: { holding: { use } } });

describe('CallerTable', () => {
  it('charges each caller its part of a run, by rows', () => {
    const table = new CallerTable();
    const [a, b] = [table.onRequest('a', 0), table.onRequest('b', 0)];
    table.onRun([member(a, 30), member(b, 10), member(a, 60), { rows: 100, owner: { holding: undefined } }], 40, 1);
    assert.deepEqual([a.coreMs, b.coreMs], [18, 2]);
    table.onRun([member(b, 0)], 5, 2);
    assert.equal(b.coreMs, 2, 'a run without rows is nobody’s');
  });

  it('names the callers that took most of the cores lately, not ever', () => {
    const table = new CallerTable();
    const [early, late] = [table.onRequest('early', 0), table.onRequest('late', 0)];
    table.onRun([member(early, 1)], 9000, 0);
    table.onRun([member(late, 1)], 100, 3 * CALLER_SPAN_MS);
    const top = table.top(20, 3 * CALLER_SPAN_MS);
    assert.deepEqual(
      top.map(({ caller }) => caller),
      ['late', 'early'],
    );
    assert.equal(table.top(1, 0).length, 1);
  });

  it('calls a caller light beside one that takes most of the slots, and not beside its equal', () => {
    const table = new CallerTable();
    const [heavy, light, equal] = ['heavy', 'light', 'equal'].map((name) => table.onRequest(name, 0)) as [
      CallerUse,
      CallerUse,
      CallerUse,
    ];
    for (let at = 100; at <= CALLER_SPAN_MS; at += 100) {
      table.onRun([member(heavy, 1)], 60, at);
      table.onRun([member(light, 1)], 1, at);
      table.onRun([member(equal, 1)], 40, at);
    }
    const now = CALLER_SPAN_MS;
    assert.deepEqual(
      [light, equal, heavy].map((use) => table.isLight(use, 1, now)),
      [true, false, false],
    );
    assert.equal(table.isLight(light, 2, now), false, 'of two slots it takes less than half');
    table.onRefusal(heavy, now);
    assert.deepEqual(
      [light, equal, heavy].map((use) => table.isLight(use, 2, now)),
      [true, false, false],
      'but more than there is',
    );
  });

  it('tells whether others were refused lately', () => {
    const table = new CallerTable();
    const [a, b] = [table.onRequest('a', 0), table.onRequest('b', 0)];
    table.onRefusal(a, 100);
    assert.deepEqual([table.wasOtherRefused(a, 101), table.wasOtherRefused(b, 101)], [false, true]);
    table.onRefusal(b, 200);
    table.onRefusal(b, 201);
    assert.deepEqual([table.wasOtherRefused(a, 202), table.wasOtherRefused(b, 202)], [true, true]);
    assert.deepEqual([table.wasOtherRefused(a, 1000), table.wasOtherRefused(b, 1000)], [false, false]);
  });

  it('keeps what it knows of those who ask, whatever number of names comes', () => {
    const table = new CallerTable();
    const good = table.onRequest('good', 0);
    table.onRun([member(good, 1)], 5, 0);
    for (let i = 0; i < 20 * MAX_CALLERS; i++) {
      table.onRequest(`name ${i}`, i / 10);
      if (i % 100 === 0) assert.equal(table.onRequest('good', i / 10), good);
    }
    assert.equal(good.coreMs, 5);
    assert.ok(table.size <= MAX_CALLERS);
    assert.ok(table.top(MAX_CALLERS + 1, 0).some(({ caller }) => caller === 'others'));
  });
});
