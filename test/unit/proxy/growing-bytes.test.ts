import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { freeBytes, GrowingBytes } from '../../../src/proxy/growing-bytes.ts';

describe('bytes that come in pieces', () => {
  it('are put together', () => {
    const bytes = new GrowingBytes();
    const pieces = Array.from({ length: 300 }, (_, i) => Buffer.alloc(1 + ((i * 7919) % 5000), i));
    for (const piece of pieces) bytes.append(piece);
    assert.ok(bytes.take().equals(Buffer.concat(pieces)));
  });

  it('reserve little', () => {
    const bytes = new GrowingBytes();
    bytes.append(Buffer.alloc(100));
    assert.ok(bytes.take().buffer.byteLength < 1000);
  });
});

describe('freed bytes', () => {
  it('are gone at once, if they are large', () => {
    const large = Buffer.allocUnsafeSlow(100_000);
    freeBytes(large);
    assert.deepEqual([large.length, large.buffer.byteLength], [0, 0]);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 100; i++) freeBytes(Buffer.allocUnsafeSlow(16 * 2 ** 20));
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 2 ** 20);
  });

  it("a part of Node's pool, or of another's memory, stays", () => {
    for (const bytes of [Buffer.from('text'), Buffer.allocUnsafe(3000), Buffer.alloc(200_000).subarray(0, 100_000)]) {
      const { length } = bytes;
      freeBytes(bytes);
      assert.equal(bytes.length, length);
    }
  });
});
