import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MessageMemory } from '../../../src/proxy/message-memory.ts';

describe('MessageMemory', () => {
  it('reuses the memory of a large message for one of about its size', () => {
    const memory = new MessageMemory();
    const first = memory.take(602_154);
    assert.equal(first.length, 602_154);
    memory.give(first);
    assert.equal(memory.take(700_000).length, 700_000);
    const again = memory.take(590_000);
    assert.equal(again.buffer, first.buffer);
    assert.equal(again.length, 590_000);
    assert.equal(memory.keptBytes, 0);
    assert.notEqual(memory.take(602_154).buffer, first.buffer);
  });

  it('leaves at most a fifth unused', () => {
    const memory = new MessageMemory();
    for (let length = 4096; length <= 2 ** 24; length += length < 10_000 ? 1 : 77_777) {
      const { byteLength, buffer } = memory.take(length);
      assert.equal(byteLength, length);
      assert.ok(buffer.byteLength * 0.8 <= length);
    }
  });

  it('a message ends where a tensor may, so that one at its end is aligned', () => {
    const memory = new MessageMemory();
    for (let length = 4096; length <= 2 ** 24; length = Math.ceil(length * 1.1) + 1) {
      const message = memory.take(length);
      assert.equal((message.byteOffset + length) % 8, 0);
      assert.ok(message.byteOffset < 8);
      memory.give(message);
      assert.equal(memory.keptBytes, message.buffer.byteLength, 'it is known again');
      memory.trim();
    }
  });

  it('keeps no small, huge or foreign memory, and only up to its bound', () => {
    const memory = new MessageMemory();
    for (const length of [0, 1, 4095, 2 ** 24 + 1]) memory.give(memory.take(length));
    memory.give(new Uint8Array(100_000));
    assert.equal(memory.keptBytes, 0);
    const all = Array.from({ length: 100 }, () => memory.take(2 ** 20));
    for (const each of all) memory.give(each);
    assert.equal(memory.keptBytes, 32 * 2 ** 20);
  });
});
