import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { ConnectionError, ErrorCode } from '../../../../src/proxy/http2/error-code.ts';
import { DEFAULT_HTTP2_OPTIONS } from '../../../../src/proxy/http2/options.ts';
import { type PeerSettings, readSettings, settingsPayload } from '../../../../src/proxy/http2/settings.ts';

const read = (...pairs: readonly (readonly [id: number, value: number])[]): PeerSettings => {
  const bytes = Buffer.alloc(6 * pairs.length);
  pairs.forEach(([id, value], i) => {
    bytes.writeUInt16BE(id, 6 * i);
    bytes.writeUInt32BE(value, 6 * i + 2);
  });
  return readSettings(bytes, 0, bytes.length);
};
const failsWith =
  (code: number) =>
  (error: unknown): boolean =>
    error instanceof ConnectionError && error.code === code;

test('the server announces every bound that a client should know', () => {
  const payload = settingsPayload({ ...DEFAULT_HTTP2_OPTIONS, maxConcurrentStreams: 7, streamWindowBytes: 1234 });
  assert.equal(payload.toString('hex'), '000300000007' + '0004000004d2' + '000500004000' + '000600004000');
});

test('the last of repeated values counts; the smallest table size is kept too', () => {
  assert.deepEqual(read([4, 10], [4, 20]), { initialWindowBytes: 20 });
  assert.deepEqual(read([1, 0], [1, 4096]), { minHeaderTableBytes: 0, headerTableBytes: 4096 });
});

test('unknown settings are ignored', () => assert.deepEqual(read([0xff, 1], [8, 1]), {}));

test('values out of range are refused with their own codes', () => {
  assert.throws(() => read([2, 2]), failsWith(ErrorCode.PROTOCOL_ERROR));
  assert.throws(() => read([4, 2 ** 31]), failsWith(ErrorCode.FLOW_CONTROL_ERROR));
  assert.throws(() => read([5, 16_383]), failsWith(ErrorCode.PROTOCOL_ERROR));
  assert.throws(() => read([5, 16_777_216]), failsWith(ErrorCode.PROTOCOL_ERROR));
  assert.deepEqual(read([4, 2 ** 31 - 1], [5, 16_777_215], [2, 0]), {
    initialWindowBytes: 2 ** 31 - 1,
    maxFrameBytes: 16_777_215,
  });
});
