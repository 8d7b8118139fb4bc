import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BufferPool } from '../../../../src/backends/host/buffer-pool.ts';
import type { ServingError } from '../../../../src/core/errors.ts';

describe('BufferPool', () => {
  it('lends at least what is asked for', () => {
    const pool = new BufferPool();
    for (const size of [0, 1, 1023, 1024, 1025, 2 ** 20 + 1, 2 ** 26 + 1]) {
      assert.ok(pool.allocate(size).byteLength >= size);
    }
  });

  it('lends the same memory again after release, to any size of the class', () => {
    const pool = new BufferPool();
    const buffer = pool.allocate(1500);
    pool.release(buffer);
    assert.equal(pool.keptBytes, 2048);
    assert.equal(pool.allocate(2000), buffer);
    assert.equal(pool.keptBytes, 0);
    assert.notEqual(pool.allocate(2000), buffer);
  });

  it('takes a buffer back once, and only one of its own', () => {
    const pool = new BufferPool();
    const buffer = pool.allocate(1024);
    pool.release(buffer);
    pool.release(buffer);
    pool.release(new ArrayBuffer(1024));
    assert.equal(pool.keptBytes, 1024);
  });

  it('gives a lent buffer away once', () => {
    const pool = new BufferPool();
    const buffer = pool.allocate(1024);
    const bytes = new Uint8Array(buffer, 0, 100);
    assert.equal(pool.claim(bytes), buffer);
    assert.equal(pool.claim(bytes), undefined);
    pool.release(buffer);
    assert.equal(pool.keptBytes, 0);
    assert.equal(pool.claim(new Uint8Array(100)), undefined);
  });

  it('keeps what comes back within its bound, and nothing odd', () => {
    const pool = new BufferPool(4096);
    pool.keep(new ArrayBuffer(4096));
    pool.keep(new ArrayBuffer(1024));
    assert.equal(pool.keptBytes, 4096);
    const large = new BufferPool(Infinity);
    for (const size of [0, 512, 3000, 2 ** 27]) large.keep(new ArrayBuffer(size));
    assert.equal(large.keptBytes, 0);
  });

  it('says too_large when there is no such memory', () => {
    assert.throws(
      () => new BufferPool().allocate(2 ** 52),
      (error: ServingError) => error.kind === 'too_large' && /4503599627370496 bytes/.test(error.message),
    );
  });
});
