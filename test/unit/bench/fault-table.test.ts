import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { FaultResult } from '../../../bench/faults/fault.ts';
import { faultTable } from '../../../bench/faults/render.ts';

const RESULT: FaultResult = {
  name: 'a fault',
  injection: 'somehow',
  expectation: 'all goes on',
  injected: 3,
  neighbour: { offered: 100, answered: 97, refused: 1, failed: 2, failures: { ECONNRESET: 2 }, longestMs: 40 },
  recoveryMs: [30, 10, 20],
  rssMibBefore: 100,
  rssMibAfter: 104,
  crashes: 0,
  problems: [],
};

it('the table of faults has a row for each: what was injected, lost and as expected', () => {
  const [, rule, ...rows] = faultTable([
    RESULT,
    { ...RESULT, crashes: 1, recoveryMs: [], problems: ['it ended\nwith 1 | 2'] },
    { ...RESULT, skipped: 'needs root' },
  ]).split('\n');
  assert.deepEqual(rows, [
    '| **a fault**: somehow | 3 | 100, 97, 1, 2 | 40 | 20, at most 30 | 100 → 104 | 0 | yes: all goes on |',
    '| **a fault**: somehow | 3 | 100, 97, 1, 2 | 40 | – | 100 → 104 | 1 | **no**: it ended with 1 \\| 2 |',
    '| **a fault**: somehow | 0 | | | | | | not here: needs root |',
  ]);
  assert.equal(rule!.split('|').length, rows[0]!.split('|').length);
});
