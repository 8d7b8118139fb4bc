import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ERROR_TABLE, ServingError, toServingError } from '../../../src/core/errors.ts';

describe('the error table', () => {
  it('keeps the codes that clients and dashboards rely on', () => {
    const rows = Object.entries(ERROR_TABLE).map(
      ([kind, row]) => `${kind} ${row.grpc} ${row.http}${row.retryable ? ' retry' : ''}`,
    );
    assert.deepEqual(rows, [
      'invalid_request 3 400',
      'unauthenticated 16 401',
      'permission_denied 7 403',
      'model_not_found 5 404',
      'region_not_found 5 404',
      'region_exists 6 400',
      'label_not_found 3 400',
      'signature_not_found 9 400',
      'route_not_found 12 404',
      'method_not_allowed 12 405',
      'model_not_ready 14 503 retry',
      'too_large 8 413',
      'overloaded 8 429 retry',
      'draining 14 503 retry',
      'deadline_exceeded 4 504',
      'body_timeout 4 408',
      'cancelled 1 499',
      'unsupported 12 501',
      'load_failed 9 400',
      'sequence_lost 9 400',
      'corrupt_records 15 500',
      'insufficient_memory 8 429 retry',
      'backend_failed 13 500',
      'worker_lost 14 503 retry',
      'worker_crashed 13 500',
      'backend_unavailable 14 503 retry',
      'app_unavailable 14 503 retry',
      'app_failed 14 502',
      'internal 13 500',
    ]);
  });

  it('hides an unknown error from the caller, and keeps it as the cause for the log', () => {
    const cause = new TypeError('secret path /etc/x');
    const error = toServingError(cause);
    assert.equal(error.kind, 'internal');
    assert.doesNotMatch(error.message, /secret/);
    assert.equal(error.cause, cause);
  });

  it('knows the errors of a plug-in with a copy of its own by their brand', () => {
    const brand = { [Symbol.for('pillion.ServingError')]: true };
    const theirs = Object.assign(new Error('no such driver'), brand, { kind: 'load_failed', retryAfterMs: 7 });
    const error = toServingError(theirs);
    assert.ok(error instanceof ServingError);
    assert.deepEqual([error.kind, error.message, error.retryAfterMs], ['load_failed', 'no such driver', 7]);
    assert.equal(error.row.http, 400);
    for (const kind of [undefined, 'made_up', 'constructor', 7]) {
      assert.equal(toServingError(Object.assign(new Error('secret'), brand, { kind })).kind, 'internal');
    }
    assert.equal(toServingError({ ...brand, kind: 'load_failed' }).kind, 'internal');
  });

  it('leaves a ServingError as it is, and stack traces on for other errors', () => {
    const error = new ServingError('overloaded', 'full', { retryAfterMs: 5 });
    assert.equal(toServingError(error), error);
    assert.equal(error.retryAfterMs, 5);
    assert.match(new Error('plain').stack ?? '', /errors\.test/);
  });
});
