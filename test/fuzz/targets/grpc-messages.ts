import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { ServingError } from '../../../src/core/errors.ts';
import { MessageReader } from '../../../src/proxy/grpc/message-reader.ts';
import { MessageMemory } from '../../../src/proxy/message-memory.ts';
import { frame } from '../../support/raw-grpc.ts';
import { type FuzzTarget, orRefusal } from '../fuzz-target.ts';

const MAX_BYTES = 300;
const memory = new MessageMemory();

/** Messages, then the error's text or what is left over. */
function readAll(bytes: Buffer, pieceBytes: number): readonly unknown[] {
  const reader = new MessageReader(MAX_BYTES, memory);
  const messages: unknown[] = [];
  const end = orRefusal(() => {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      reader.push(bytes.subarray(at, at + pieceBytes));
      for (let message = reader.next(); message !== undefined; message = reader.next())
        messages.push([Buffer.from(message).toString('latin1'), reader.isCompressed]);
      reader.keep();
    }
  });
  return [...messages, end instanceof ServingError ? end.message : reader.remainder];
}

/** The same by the specification, in the plainest way. */
function expected(bytes: Buffer): readonly unknown[] {
  const messages: unknown[] = [];
  let at = 0;
  while (bytes.length - at >= 5 && bytes[at]! <= 1 && bytes.readUInt32BE(at + 1) <= MAX_BYTES) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    messages.push([bytes.toString('latin1', at + 5, end), bytes[at] === 1]);
    at = end;
  }
  return messages;
}

export const target: FuzzTarget = {
  says: "gRPC's message framing: the same messages, however the bytes come",
  maxBytes: 1024,
  words: [Buffer.of(0, 0, 0, 0), Buffer.of(1, 0, 0, 0), frame(Buffer.from('abc'))],
  seeds: [Buffer.concat([frame(Buffer.from('hello')), frame(Buffer.alloc(0)), frame(Buffer.alloc(200), 1)])],
  run(bytes) {
    const whole = readAll(bytes, Math.max(1, bytes.length));
    assert.deepEqual(whole.slice(0, -1), expected(bytes));
    for (const pieceBytes of [1, 13]) assert.deepEqual(readAll(bytes, pieceBytes), whole);
  },
};
