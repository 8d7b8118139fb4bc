import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeGrpcMessage, grpcEndOf, statusWithoutOne } from '../../../../src/proxy/fronting/heads/grpc-answer.ts';

test('a status and its message are read, whatever the spelling of their names', () => {
  assert.deepEqual(grpcEndOf(['Grpc-Status', '13', 'x-more', '1', 'grpc-message', 'a%20b']), {
    status: 13,
    message: 'a%20b',
  });
  assert.deepEqual(grpcEndOf(['grpc-status', '0', 'grpc-message', 'none']), { status: 0, message: undefined });
  assert.deepEqual(grpcEndOf(['grpc-status', '014']), { status: 14, message: undefined });
});

test('a number that is no status is UNKNOWN, as clients read it', () => {
  for (const text of ['17', '99', '4294967296', '9'.repeat(400)])
    assert.equal(grpcEndOf(['grpc-status', text]).status, 2);
});

test('no status, no number and two statuses are none', () => {
  for (const text of ['', ' 0', '-1', '+1', '0x0', '1.0', '1e1', 'OK', 'NaN', '٣', '0, 0']) {
    assert.equal(grpcEndOf(['grpc-status', text]).status, undefined, text);
  }
  assert.equal(grpcEndOf([]).status, undefined);
  assert.equal(grpcEndOf(['grpc-status', '0', 'grpc-status', '0']).status, undefined);
});

test('without one, clients go by the status of HTTP', () => {
  const read = [200, 400, 401, 403, 404, 418, 429, 500, 502, 503, 504].map(statusWithoutOne);
  assert.deepEqual(read, [2, 13, 16, 7, 12, 2, 14, 2, 14, 14, 14]);
});

test('a message is decoded, and what is not encoded well stays', () => {
  assert.equal(decodeGrpcMessage('plain'), 'plain');
  assert.equal(decodeGrpcMessage('%E2%82%AC%20100%25'), '€ 100%');
  assert.equal(decodeGrpcMessage('100% of %zz%4'), '100% of %zz%4');
  assert.equal(decodeGrpcMessage('%ff'), '\ufffd');
});
