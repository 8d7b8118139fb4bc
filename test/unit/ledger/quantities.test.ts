import assert from 'node:assert/strict';
import { test } from 'node:test';
import { showMs } from '../../../src/ledger/quantities.ts';

test('a duration is written with two digits where it is short', () => {
  const texts = [0.000001, 0.05, 1.234, 9.99, 50.4, 1999.6, 0].map(showMs);
  assert.deepEqual(texts, ['0.000001 ms', '0.05 ms', '1.2 ms', '10 ms', '50 ms', '2000 ms', '0 ms']);
});
