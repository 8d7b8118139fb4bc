import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERROR_TABLE, type ErrorKind, ServingError } from '../../../src/core/errors.ts';
import { envoyMark, retryAfterSeconds } from '../../../src/proxy/refusal-headers.ts';

test('only refusals for overload are marked; those of one caller as rate limits', () => {
  for (const kind of Object.keys(ERROR_TABLE) as ErrorKind[]) {
    const mark = envoyMark(new ServingError(kind, ''));
    assert.equal(mark, kind === 'overloaded' ? 'x-envoy-overloaded' : undefined, kind);
  }
  for (const reason of ['caller_limit', 'caller_budget', 'caller_core_share']) {
    const error = new ServingError('overloaded', '', { attributes: { reason } });
    assert.equal(envoyMark(error), 'x-envoy-ratelimited');
  }
  const full = new ServingError('overloaded', '', { attributes: { reason: 'queue_full' } });
  assert.equal(envoyMark(full), 'x-envoy-overloaded');
});

test('Retry-After is in whole seconds, rounded up, at least one', () => {
  assert.deepEqual([0, 1, 1000, 1001, 5500].map(retryAfterSeconds), ['1', '1', '1', '2', '6']);
});
