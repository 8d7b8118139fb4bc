import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { freeBytes, GrowingBytes } from '../../../src/proxy/growing-bytes.ts';

describe('bytes that come in pieces', () => {
  it('are put together, whatever was expected', () => {
    for (const expected of [Infinity, 0, 1000, 500_000, 2 ** 30]) {
      const bytes = new GrowingBytes(expected);
      const pieces = Array.from({ length: 300 }, (_, i) => Buffer.alloc(1 + ((i * 7919) % 5000), i));
      for (const piece of pieces) bytes.append(piece);
      assert.ok(bytes.take().equals(Buffer.concat(pieces)));
    }
  });

  it('a size that is only announced reserves little', () => {
    const bytes = new GrowingBytes(2 ** 30);
    bytes.append(Buffer.alloc(100));
    assert.ok(bytes.take().buffer.byteLength < 1000);
  });

  it('are copied no more when a mebibyte has come of an announced size', () => {
    const bytes = new GrowingBytes(2 ** 25);
    for (let i = 0; i < 3; i++) bytes.append(Buffer.alloc(2 ** 20));
    assert.equal(bytes.take().buffer.byteLength, 2 ** 25);
  });
});

describe('bytes of which more are announced than the machine reserves', () => {
  it('are put together as they come', () => {
    const bytes = new GrowingBytes(2 ** 60);
    for (let i = 0; i < 3; i++) bytes.append(Buffer.alloc(2 ** 20, i));
    const whole = bytes.take();
    assert.deepEqual([whole.length, whole.at(0), whole.at(-1)], [3 * 2 ** 20, 0, 2]);
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
