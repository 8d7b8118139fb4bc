import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ortText } from '../../../../src/backends/onnx/ort-errors.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { isRetryable } from '../../../../src/models/loading/retryable.ts';

const cause = (code: string): Error => Object.assign(new Error(`${code}: read`), { code });

it('a load is tried again for what may pass', () => {
  const passing = [
    new ServingError('worker_lost', 'its thread died'),
    new ServingError('backend_unavailable', 'connection refused'),
    new ServingError('insufficient_memory', 'does not fit'),
    new ServingError('load_failed', 'cannot be read', { cause: cause('EIO') }),
    // As it comes from a thread.
    new ServingError('load_failed', 'cannot be read', { cause: 'Error: ESTALE: stale file handle, open' }),
    new ServingError('load_failed', '"model.onnx": std::bad_alloc'),
    new ServingError(
      'load_failed',
      `"model.onnx": ${ortText(new Error('Load model from m failed:system error number 24'))}`,
    ),
    new ServingError('load_failed', 'its worker thread ended while loading', { attributes: { workerEnded: true } }),
    new ServingError('internal', 'internal error', { cause: new Error('Array buffer: out of memory') }),
  ];
  for (const error of passing) assert.equal(isRetryable(error), true, error.message);
});

it('a load is not tried again for what the artifact is at fault for', () => {
  const definite = [
    new ServingError('load_failed', '"model.onnx": protobuf parsing failed'),
    new ServingError('load_failed', 'cannot be read', { cause: cause('ENOENT') }),
    new ServingError('load_failed', 'cannot be read', { cause: cause('EACCES') }),
    new ServingError('invalid_request', 'pillion.yaml:3:1: unknown key'),
    new ServingError('unsupported', 'no such operator'),
    new ServingError('internal', 'internal error', { cause: new TypeError('x is undefined') }),
  ];
  for (const error of definite) assert.equal(isRetryable(error), false, error.message);
});
