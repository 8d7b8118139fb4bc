/** gRPC's message framing: however the body is cut, the same messages come out, and little more than them is kept. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MESSAGE_HEAD_BYTES } from '../../src/proxy/grpc/engine.ts';
import { MessageReader } from '../../src/proxy/grpc/message-reader.ts';
import { MessageMemory } from '../../src/proxy/message-memory.ts';
import { frame } from '../support/raw-grpc.ts';

const messageArbitrary = fc.record({ bytes: fc.uint8Array({ maxLength: 60 }), isCompressed: fc.boolean() });
type Message = { readonly bytes: Uint8Array; readonly isCompressed: boolean };

function takeAll(reader: MessageReader, into: Message[]): void {
  for (let bytes = reader.next(); bytes !== undefined; bytes = reader.next()) {
    into.push({ bytes: Uint8Array.from(bytes), isCompressed: reader.isCompressed });
  }
}

test('any cutting gives the same messages, pulled at any time, and every byte is accounted for', () => {
  return fc.assert(
    fc.property(
      fc.array(messageArbitrary, { maxLength: 6 }),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.boolean()), { minLength: 1, maxLength: 50 }),
      (messages, cuts) => {
        const body = Buffer.concat(messages.map(({ bytes, isCompressed }) => frame(bytes, isCompressed ? 1 : 0)));
        const reader = new MessageReader(100, new MessageMemory());
        const got: Message[] = [];
        for (let at = 0, i = 0; at < body.length; i++) {
          const [size, isPulled] = cuts[i % cuts.length]!;
          reader.push(body.subarray(at, at + size));
          at += size;
          if (isPulled) takeAll(reader, got);
        }
        takeAll(reader, got);
        assert.deepEqual(
          got,
          messages.map(({ bytes, isCompressed }) => ({ bytes, isCompressed })),
        );
        assert.equal(reader.takeConsumed(), body.length);
        assert.equal(reader.takeConsumed(), 0);
        assert.equal(reader.remainder, undefined);
      },
    ),
  );
});

test('a message that is skipped, wherever it is cut, takes nothing from the others', () => {
  return fc.assert(
    fc.property(
      fc.array(messageArbitrary, { maxLength: 6 }),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.boolean()), { minLength: 1, maxLength: 50 }),
      (messages, cuts) => {
        const body = Buffer.concat(messages.map(({ bytes, isCompressed }) => frame(bytes, isCompressed ? 1 : 0)));
        const reader = new MessageReader(100, new MessageMemory());
        const got: Message[] = [];
        const skipped = new Set<number>();
        for (let at = 0, i = 0; at < body.length; i++) {
          const [size, isSkipped] = cuts[i % cuts.length]!;
          reader.push(body.subarray(at, at + size));
          at += size;
          takeAll(reader, got);
          const index = got.length + skipped.size;
          const begun = isSkipped ? reader.skip(20) : undefined;
          if (begun === undefined) continue;
          skipped.add(index);
          assert.deepEqual(Uint8Array.from(begun), messages[index]!.bytes.slice(0, begun.length));
          assert.equal(reader.announcedBytes, 0);
          assert.equal(reader.isWithinMessage, true);
        }
        assert.deepEqual(
          got,
          messages.filter((_, i) => !skipped.has(i)).map(({ bytes, isCompressed }) => ({ bytes, isCompressed })),
        );
        assert.equal(reader.takeConsumed(), body.length);
        assert.equal(reader.remainder, undefined);
      },
    ),
  );
});

test('a body that ends anywhere within a message says how much of it there is', () => {
  const body = frame(Buffer.from('hello'));
  for (let length = 1; length < body.length; length++) {
    const reader = new MessageReader(100, new MessageMemory());
    reader.push(body.subarray(0, length));
    assert.equal(reader.next(), undefined);
    const inHead = `${length} of the 5 bytes in front of it`;
    assert.equal(reader.remainder, length < 5 ? inHead : `${length - 5} of 5 bytes`);
  }
});

test('a length over the limit and an unknown flag are refused as soon as they are there', () => {
  const refusals: readonly (readonly [Uint8Array, RegExp])[] = [
    [frame(Buffer.alloc(101)).subarray(0, MESSAGE_HEAD_BYTES), /message of 101 bytes is larger than the 100 bytes/],
    [Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff), /message of 4294967295 bytes/],
    [Uint8Array.of(2), /begins with byte 2/],
    [Uint8Array.of(255, 0, 0, 0, 0), /begins with byte 255/],
  ];
  for (const [bytes, text] of refusals) {
    for (const piece of [bytes.length, 1]) {
      const reader = new MessageReader(100, new MessageMemory());
      assert.throws(() => {
        for (let at = 0; at < bytes.length; at += piece) {
          reader.push(bytes.subarray(at, at + piece));
          reader.next();
        }
      }, text);
    }
  }
});

test('what has been taken or kept stays, whatever is read into the same memory afterwards', () => {
  const read = Buffer.alloc(65_536);
  const messages = [Buffer.alloc(600, 1), Buffer.alloc(50_000, 2), Buffer.alloc(10, 3), Buffer.alloc(700, 4)];
  const body = Buffer.concat(messages.map((message) => frame(message)));
  const reader = new MessageReader(1 << 20, new MessageMemory());
  const lend = (from: number, to: number): void => {
    body.copy(read, 0, from, to);
    reader.push(read.subarray(0, to - from));
  };
  lend(0, 50_620);
  const taken = [reader.next(), reader.next()];
  reader.keep();
  lend(50_620, 51_000);
  reader.keep();
  lend(51_000, body.length);
  reader.keep();
  read.fill(9);
  assert.deepEqual([...taken, reader.next(), reader.next()], messages);
  assert.equal(reader.next(), undefined);
});

test('room is made for what has come, not for what is announced', () => {
  const reader = new MessageReader(1 << 30, new MessageMemory());
  reader.push(Uint8Array.of(0, 0x3f, 0xff, 0xff, 0xff));
  assert.equal(reader.next(), undefined);
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 10; i++) {
    reader.push(Buffer.alloc(10_000));
    assert.equal(reader.next(), undefined);
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 4_000_000);
});
