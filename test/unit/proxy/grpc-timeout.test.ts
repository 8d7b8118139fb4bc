import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGrpcTimeout } from '../../../src/proxy/grpc-timeout.ts';

test('every unit, as milliseconds', () => {
  const values = ['1H', '1M', '1S', '1m', '1u', '1n', '0n', '007m'].map(parseGrpcTimeout);
  assert.deepEqual(values, [3_600_000, 60_000, 1000, 1, 1e-3, 1e-6, 0, 7]);
});

test('large and small values neither overflow nor vanish', () => {
  assert.equal(parseGrpcTimeout('99999999H'), 99_999_999 * 3_600_000);
  assert.equal(parseGrpcTimeout('36000M'), 2_160_000_000);
  assert.equal(parseGrpcTimeout('500u'), 0.5);
});

test('anything else is malformed', () => {
  for (const header of ['', '1', 'm', '1s', '1h', '100000000m', '-1m', '1.5S', ' 1m', '1m ', '1mm', '+1m']) {
    assert.equal(parseGrpcTimeout(header), undefined, header);
  }
});
