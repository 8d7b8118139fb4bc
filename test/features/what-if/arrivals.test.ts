import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readArrivals } from '../../../src/features/what-if/arrivals.ts';
import { arrivals } from './what-if-answers.ts';

describe('the answer of GET /arrivals', () => {
  it('is read as it came', () => {
    const report = arrivals(1, 50);
    assert.deepEqual(readArrivals(JSON.stringify(report)), report);
  });

  for (const [changes, says] of [
    [{ rows: [1] }, /at_ms has \d+ elements and rows 1/],
    [{ models: undefined }, /models is no list/],
    [{ models: [] }, /model\[0\] is 0, and there are 0 models/],
    [{ span_ms: '2 s' }, /span_ms is no number/],
    [{ at_ms: ['x'], model: [0], rows: [1], deadline_ms: [1], outcome: ['late'], took_ms: [1] }, /at_ms\[0\] is "x"/],
  ] as const) {
    it(`is refused: ${says.source}`, () => {
      const text = JSON.stringify({ ...arrivals(1, 50), ...changes });
      assert.throws(() => readArrivals(text), says);
    });
  }

  it('is refused if it is something else', () => {
    for (const text of ['<html>', '12', 'null', ''])
      assert.throws(() => readArrivals(text), /GET \/arrivals cannot be read: .*another version of Pillion/);
  });
});
