import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SharedSlab } from '../../../../../src/backends/host/thread/shared-slab.ts';

describe('SharedSlab', () => {
  it('copies each to an aligned place of its own', () => {
    const memory = new SharedArrayBuffer(64);
    const slab = new SharedSlab(memory);
    const places = [[1, 2, 3], [], [4, 5, 6, 7, 8, 9, 10, 11], [12]].map((bytes) => slab.put(new Uint8Array(bytes)));
    assert.deepEqual(places, [0, 8, 8, 16]);
    assert.equal(slab.top, 17);
    assert.deepEqual([...new Uint8Array(memory, 0, 17)], [1, 2, 3, 0, 0, 0, 0, 0, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  it('is full at its end, and says so without writing', () => {
    const memory = new SharedArrayBuffer(16);
    const slab = new SharedSlab(memory);
    assert.equal(slab.put(new Uint8Array(17).fill(1)), -1);
    assert.equal(slab.put(new Uint8Array(9).fill(2)), 0);
    assert.equal(slab.put(new Uint8Array(1).fill(3)), -1);
    assert.equal(slab.put(new Uint8Array(0)), 16);
    slab.clear();
    assert.equal(slab.put(new Uint8Array(16).fill(4)), 0);
    assert.deepEqual([...new Uint8Array(memory)], new Array(16).fill(4));
  });
});
