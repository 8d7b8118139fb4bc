import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitsSource } from '../../../src/features/caller-limits/limits-report.ts';

test('the limits of one caller are told as they are set', () => {
  const none = { inFlight: Infinity, perSecond: Infinity };
  const source = limitsSource({ requests: { inFlight: 64, perSecond: Infinity }, rows: none, bytes: none });
  const [table] = source.read!().tables!;
  assert.deepEqual(table!.rows[0], { kind: 'Requests', in_flight: '64', per_s: 'no limit' });
  assert.equal(source.name, 'callers');
});
