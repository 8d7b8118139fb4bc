import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { ConnectionError } from '../../../src/proxy/http2/error-code.ts';
import { HpackDecoder } from '../../../src/proxy/http2/hpack/hpack-decoder.ts';
import { encodeHeaders } from '../../../src/proxy/http2/hpack/hpack-encoder.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

const MAX_LIST_BYTES = 16_384;

export const target: FuzzTarget = {
  says: 'header blocks of HTTP/2, several on one connection; the memory of the table stays bounded',
  maxBytes: 512,
  words: [Buffer.of(0x40), Buffer.of(0x82), Buffer.of(0x3f, 0xe1, 0x1f), Buffer.of(0x20), encodeHeaders([['a', 'b']])],
  seeds: [
    encodeHeaders([
      [':path', '/a'],
      ['grpc-timeout', '1S'],
      ['te', 'trailers'],
    ]),
  ],
  run(bytes) {
    const decoder = new HpackDecoder(MAX_LIST_BYTES);
    const middle = bytes.length >> 1;
    for (const [start, end] of [
      [0, middle],
      [middle, bytes.length],
      [0, bytes.length],
    ] as const) {
      try {
        const { fields } = decoder.decode(bytes, start, end);
        assert.ok(fields.reduce((sum, { size }) => sum + size, 0) <= MAX_LIST_BYTES);
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        return;
      }
    }
  },
};
