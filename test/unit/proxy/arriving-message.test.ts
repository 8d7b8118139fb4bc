import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { ArrivingMessage } from '../../../src/proxy/arriving-message.ts';
import { MessageMemory } from '../../../src/proxy/message-memory.ts';

describe('ArrivingMessage', () => {
  it('is put together from its pieces, and takes nothing of what is behind it', () => {
    for (const length of [1, 5000, 16_384, 100_000, 1_500_000]) {
      const sent = Buffer.from(Array.from({ length: length + 10 }, (_, i) => i * 7));
      const message = new ArrivingMessage(length, new MessageMemory());
      let at = 0;
      for (let step = 1; !message.isWhole; step *= 3) at += message.append(sent.subarray(0, at + step), at);
      assert.equal(at, length);
      assert.equal(message.append(sent, at), 0);
      assert.ok(message.take().equals(sent.subarray(0, length)));
    }
  });

  it('ends where a tensor may, in whatever pieces it comes', () => {
    for (const length of [4096, 5001, 602_163, 602_277, 3_000_003]) {
      for (const first of [1, 100, 8191, 16_384, 65_519, length]) {
        const message = new ArrivingMessage(length, new MessageMemory());
        message.append(Buffer.alloc(Math.min(first, length), 1));
        while (!message.isWhole) message.append(Buffer.alloc(65_536, 2));
        const whole = message.take();
        assert.deepEqual([whole.length, (whole.byteOffset + length) % 8], [length, 0]);
      }
    }
  });

  it('a length reserves little, and one block once a first frame has come', () => {
    const message = new ArrivingMessage(2 ** 30, new MessageMemory());
    message.append(Buffer.alloc(100));
    assert.ok(message.take().buffer.byteLength <= 20_480);
    const image = new ArrivingMessage(602_154, new MessageMemory());
    image.append(Buffer.alloc(16_384, 1));
    const { buffer } = image.begun(1);
    assert.ok(buffer.byteLength < 602_154);
    image.append(Buffer.alloc(602_154));
    const whole = image.take();
    assert.deepEqual([whole.length, whole[16_383], whole[16_384]], [602_154, 1, 0]);
  });

  it('is copied no more when a mebibyte has come', () => {
    const message = new ArrivingMessage(2 ** 25, new MessageMemory());
    for (let i = 0; i < 3; i++) message.append(Buffer.alloc(2 ** 20));
    assert.equal(message.take().buffer.byteLength, 2 ** 25);
  });

  it('grows by what has come where the machine does not reserve the whole', () => {
    const message = new ArrivingMessage(2 ** 60, new MessageMemory());
    for (let i = 0; i < 3; i++) message.append(Buffer.alloc(2 ** 20));
    assert.equal(message.filled, 3 * 2 ** 20);
    assert.ok(message.take().length <= 2 ** 23);
  });

  it('gives its memory back, when it grows and when it is dropped', () => {
    const memory = new MessageMemory();
    const message = new ArrivingMessage(2 ** 20, memory);
    message.append(Buffer.alloc(5000));
    message.append(Buffer.alloc(300_000));
    assert.equal(memory.keptBytes, 20_480);
    assert.deepEqual([...message.begun(3)], [0, 0, 0]);
    message.drop();
    assert.equal(memory.keptBytes, 20_480 + 2 ** 20);
  });
});
