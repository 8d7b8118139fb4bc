import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { StatusReader } from '../../../../bench/overload/client/status-reader.ts';
import { encodeHeaders } from '../../../../src/proxy/http2/hpack/hpack-encoder.ts';

const token = fc.stringMatching(/^[a-z][a-z-]{0,20}$/).filter((name) => name !== 'grpc-status');
const value = fc.string({
  unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)),
  maxLength: 300,
});

describe('the grpc-status of a header block', () => {
  it('is found wherever it stands, whatever stands beside it', () => {
    const fields = fc.array(fc.tuple(token, value), { maxLength: 6 });
    fc.assert(
      fc.property(fields, fields, fc.integer({ min: 0, max: 16 }), fc.nat(20), (before, after, status, offset) => {
        const block = encodeHeaders([[':status', '200'], ...before, ['grpc-status', String(status)], ...after]);
        const bytes = Buffer.concat([Buffer.alloc(offset, 0xff), block, Buffer.alloc(3, 0xff)]);
        assert.equal(new StatusReader().statusOf(bytes, offset, offset + block.length), status);
      }),
    );
  });

  it('is no number where there is none', () => {
    const block = Buffer.from(
      encodeHeaders([
        [':status', '200'],
        ['x-grpc-status', '0'],
      ]),
    );
    assert.ok(Number.isNaN(new StatusReader().statusOf(block, 0, block.length)));
  });

  it('is found through the dynamic table, too', () => {
    const reader = new StatusReader();
    const kept = Buffer.concat([Buffer.from([0x40, 11]), Buffer.from('grpc-status'), Buffer.from([1, 0x38])]);
    assert.equal(reader.statusOf(kept, 0, kept.length), 8);
    assert.equal(reader.statusOf(Buffer.from([0x80 | 62]), 0, 1), 8);
  });

  it('of a block that ends too early is an error', () => {
    const block = Buffer.from(encodeHeaders([['grpc-status', '14']]));
    for (let end = 1; end < block.length; end++) {
      assert.throws(() => new StatusReader().statusOf(block.subarray(0, end), 0, end), `cut at ${end}`);
    }
  });
});
