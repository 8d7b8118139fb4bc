import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { bytesField, message, messageField, varintField } from '../../../../src/codec/protobuf/wire-writer.ts';
import { ERROR_TABLE, type ErrorKind, ServingError } from '../../../../src/core/errors.ts';
import { MAX_STATUS_MESSAGE_BYTES, statusOf, truncateMessage } from '../../../../src/proxy/grpc/grpc-errors.ts';
import { varint } from '../../../support/wire-fragments.ts';

test("the code is the table's and the text is unchanged", () => {
  for (const kind of Object.keys(ERROR_TABLE) as ErrorKind[]) {
    const { code, message: text } = statusOf(new ServingError(kind, 'text: "ü"'));
    assert.deepEqual({ code, text }, { code: ERROR_TABLE[kind].grpc, text: 'text: "ü"' });
  }
});

test('a delay is sent as pushback and as RetryInfo, rounded up', () => {
  const { trailers } = statusOf(new ServingError('overloaded', 'full', { retryAfterMs: 1500.2 }));
  assert.equal(trailers?.['grpc-retry-pushback-ms'], '1501');
  assert.equal(trailers?.['retry-after'], '2', 'whole seconds, for proxies');
  // Status{code 8, message "full", details [Any{RetryInfo{retry_delay{seconds 1, nanos 501000000}}}]}
  const expected = Buffer.concat([
    Buffer.from([0x08, 8, 0x12, 4]),
    Buffer.from('full'),
    Buffer.from([0x1a, 54, 0x0a, 40]),
    Buffer.from('type.googleapis.com/google.rpc.RetryInfo'),
    Buffer.from([0x12, 10, 0x0a, 8, 0x08, 1, 0x10]),
    varint(501_000_000),
  ]);
  assert.equal(
    Buffer.from(trailers?.['grpc-status-details-bin'] as Uint8Array).toString('hex'),
    expected.toString('hex'),
  );
});

test('the details have the same code, text and delay', () => {
  const delays = fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.constantFrom(1e6, 5e12, 4.3e15, 1e300));
  return fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), delays, (text, retryAfterMs) => {
      const { message: sent, trailers } = statusOf(new ServingError('overloaded', text, { retryAfterMs }));
      const delayMs = Math.min(retryAfterMs, 315_576_000_000_000);
      const delay = message(varintField(1, Math.floor(delayMs / 1000)), varintField(2, (delayMs % 1000) * 1_000_000));
      const type = 'type.googleapis.com/google.rpc.RetryInfo';
      const any = message(bytesField(1, type), bytesField(2, messageField(1, delay)));
      const details = message(varintField(1, 8), messageField(2, sent), messageField(3, any));
      assert.equal(trailers?.['grpc-retry-pushback-ms'], String(delayMs));
      assert.deepEqual(trailers?.['grpc-status-details-bin'], details);
    }),
  );
});

test('a delay below 0 is sent as 0', () => {
  const { trailers } = statusOf(new ServingError('overloaded', 'full', { retryAfterMs: -3 }));
  assert.equal(trailers?.['grpc-retry-pushback-ms'], '0');
});

test('a delay that is not finite is not sent', () => {
  for (const retryAfterMs of [Number.NaN, Infinity, -Infinity]) {
    const { trailers } = statusOf(new ServingError('overloaded', 'full', { retryAfterMs }));
    assert.deepEqual(trailers, { 'x-envoy-overloaded': 'true' });
    assert.equal(statusOf(new ServingError('draining', 'bye', { retryAfterMs })).trailers, undefined);
  }
});

test('a text of 1024 bytes stays, a longer one is cut at a whole character', () => {
  const exact = 'x'.repeat(MAX_STATUS_MESSAGE_BYTES);
  assert.equal(truncateMessage(exact), exact);
  assert.equal(truncateMessage(`${exact}y`), `${exact}...TRUNCATED`);
  for (const shift of [0, 1, 2, 3]) {
    const cut = truncateMessage(`${'x'.repeat(shift)}${'😀'.repeat(400)}`);
    assert.match(cut, /^x*(😀)+\.\.\.TRUNCATED$/u);
    assert.ok(Buffer.byteLength(cut) <= MAX_STATUS_MESSAGE_BYTES + 12);
  }
});

test('a lone surrogate, which no header can hold, becomes U+FFFD', () => {
  assert.equal(truncateMessage('a\ud800b😀'), 'a\ufffdb😀');
});
