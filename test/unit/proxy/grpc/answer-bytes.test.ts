/** Header blocks of answers, decoded by the engine's own HPACK. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { answerHead, answerTrailers, percentEncode, trailersOnly } from '../../../../src/proxy/grpc/answer-bytes.ts';
import { OK } from '../../../../src/proxy/grpc/grpc-errors.ts';
import { HpackDecoder } from '../../../../src/proxy/http2/hpack/hpack-decoder.ts';

function decode(block: Uint8Array): Record<string, string> {
  const bytes = Buffer.from(block);
  const { fields } = new HpackDecoder(16_384).decode(bytes, 0, bytes.length);
  return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
}

const HEAD = { ':status': '200', 'content-type': 'application/grpc' };

test('blocks without metadata are encoded once', () => {
  assert.deepEqual(decode(answerHead(undefined, false)), HEAD);
  assert.deepEqual(decode(answerHead(undefined, true)), { ...HEAD, 'grpc-encoding': 'gzip' });
  assert.deepEqual(decode(answerTrailers(OK)), { 'grpc-status': '0' });
  assert.equal(answerHead(undefined, false), answerHead(undefined, false));
  assert.equal(answerTrailers(OK), answerTrailers(OK));
});

test('metadata, status and its details, bytes as unpadded base64', () => {
  const metadata = { 'x-a': 'b', 'x-bin': Uint8Array.of(0xab, 0xab) };
  assert.deepEqual(decode(answerHead(metadata, true)), {
    ...HEAD,
    'grpc-encoding': 'gzip',
    'x-a': 'b',
    'x-bin': 'q6s',
  });
  const status = { code: 5, message: 'no "ü" at 100 %\n', trailers: { 'grpc-status-details-bin': Buffer.from('x') } };
  const want = {
    'grpc-status': '5',
    'grpc-message': 'no "%C3%BC" at 100 %25%0A',
    'grpc-status-details-bin': 'eA',
  };
  assert.deepEqual(decode(answerTrailers(status)), want);
  assert.deepEqual(decode(trailersOnly({ 'x-a': 'b' }, status)), { ...HEAD, 'x-a': 'b', ...want });
  assert.deepEqual(decode(trailersOnly(undefined, { code: 4, message: '' })), { ...HEAD, 'grpc-status': '4' });
});

test('percent encoding is printable ASCII and decodes to the same text', () => {
  return fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const encoded = percentEncode(text);
      assert.match(encoded, /^[ -~]*$/);
      assert.equal(decodeURIComponent(encoded), text);
    }),
  );
});
