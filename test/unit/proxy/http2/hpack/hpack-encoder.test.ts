import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { HpackDecoder } from '../../../../../src/proxy/http2/hpack/hpack-decoder.ts';
import { encodeHeaders } from '../../../../../src/proxy/http2/hpack/hpack-encoder.ts';

test('a field of the static table is one byte', () => {
  assert.deepEqual([...encodeHeaders([[':status', '200']])], [0x88]);
  assert.deepEqual([...encodeHeaders([['accept-encoding', 'gzip, deflate']])], [0x90]);
});

test('a name of the static table is referred to, the value written out', () => {
  const block = Buffer.from(encodeHeaders([['content-type', 'application/grpc']]));
  assert.equal(block.toString('latin1'), '\x0f\x10\x10application/grpc');
});

test('a name that the table has more than once is referred to by its first index', () => {
  assert.deepEqual([...encodeHeaders([[':status', '418']])].slice(0, 1), [0x08]);
});

test('long and empty names and values are decoded to the same', () => {
  const fields = [
    ['x-empty', ''],
    ['content-length', ''],
    ['x'.repeat(300), 'v'.repeat(20_000)],
    ['grpc-message', 'caf\xc3\xa9'],
  ] as const;
  const block = Buffer.from(encodeHeaders(fields));
  const { fields: decoded } = new HpackDecoder(65_536).decode(block, 0, block.length);
  assert.deepEqual(
    decoded.map(({ name, value }) => [name, value]),
    fields,
  );
});
