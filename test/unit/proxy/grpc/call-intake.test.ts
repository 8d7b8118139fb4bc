/** What a stream's side of a call does with messages that there is no memory for, or that come while it may not go on. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate } from 'node:timers';
import { gzipSync } from 'node:zlib';
import { ServingError } from '../../../../src/core/errors.ts';
import type { CallHead } from '../../../../src/proxy/grpc/call-head.ts';
import { CallIntake, type IntakeOwner } from '../../../../src/proxy/grpc/call-intake.ts';
import { InflationGate } from '../../../../src/proxy/inflation.ts';
import { MessageMemory } from '../../../../src/proxy/message-memory.ts';
import { frame } from '../../../support/raw-grpc.ts';

const FULL = new ServingError('overloaded', 'no memory');
const MIB = 2 ** 20;

class Owner implements IntakeOwner {
  isEnded = false;
  isHeld = false;
  /** Bytes that may be held. */
  room = Infinity;
  readonly events: string[] = [];
  onEvent: () => void = () => undefined;
  consumed = 0;

  deliver(message: Uint8Array | undefined): void {
    this.#note(message === undefined ? 'end' : `message of ${message.length}`);
  }

  abort(error: ServingError): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.isHeld = true;
    this.#note(`abort: ${error.message}`);
  }

  abortSoon(error: ServingError): void {
    this.#note(`abort soon: ${error.message}`);
  }

  refuseMessage(error: ServingError, begun: Uint8Array): void {
    this.#note(`refused, ${error.message}, after ${begun.length}`);
  }

  consume(count: number): void {
    this.consumed += count;
  }

  hold(bytes: number, announced: number): ServingError | undefined {
    return Math.max(bytes, announced) > this.room ? FULL : undefined;
  }

  #note(event: string): void {
    this.events.push(event);
    this.onEvent();
  }
}

function intakeOf(owner: Owner, isClientStream = true): CallIntake {
  const head = { path: '/s/m', encoding: 'gzip', caller: { name: 'c' } } as unknown as CallHead;
  const shared = { maxReceiveBytes: 64 * MIB, messages: new MessageMemory(), inflations: new InflationGate() };
  return new CallIntake(owner, head, isClientStream, shared);
}

function push(intake: CallIntake, bytes: Uint8Array, chunkBytes = 100_000): void {
  for (let at = 0; at < bytes.length; at += chunkBytes) intake.push(bytes.subarray(at, at + chunkBytes));
}

test('a message of a stream that there is no room for is passed over, and the next one is taken', () => {
  const owner = new Owner();
  owner.room = 200_000;
  const intake = intakeOf(owner);
  const small = Buffer.alloc(10);
  const bytes = Buffer.concat([frame(small), frame(Buffer.alloc(MIB)), frame(small), frame(Buffer.alloc(150_000))]);
  push(intake, bytes);
  intake.end();
  assert.deepEqual(owner.events, [
    'message of 10',
    'refused, no memory, after 4096',
    'message of 10',
    'message of 150000',
    'end',
  ]);
  // The client may send as much again.
  assert.equal(owner.consumed, bytes.length);
});

test('a stream that ends within a message that was passed over says so', () => {
  const owner = new Owner();
  owner.room = 0;
  const intake = intakeOf(owner);
  push(intake, frame(Buffer.alloc(MIB)).subarray(0, 200_005));
  assert.equal(intake.isOwed, true);
  intake.end();
  assert.match(owner.events[1]!, /^abort soon: the request ends within a message, after 200000 of 1048576 bytes/);
});

test('a unary message that there is no room for ends its call', () => {
  const owner = new Owner();
  owner.room = 200_000;
  push(intakeOf(owner, false), frame(Buffer.alloc(MIB)));
  assert.deepEqual(owner.events, ['abort: no memory']);
});

for (const [size, inflated] of [
  ['small', 100_000],
  ['large', 20 * MIB],
] as const) {
  test(`a ${size} compressed message of a stream that grows too large for the memory costs no other`, async () => {
    const owner = new Owner();
    owner.room = 90_000;
    const intake = intakeOf(owner);
    push(intake, Buffer.concat([frame(gzipSync(Buffer.alloc(inflated)), 1), frame(Buffer.alloc(10))]));
    intake.end();
    await new Promise<void>((resolve) => {
      owner.onEvent = () => {
        if (owner.events.at(-1) === 'end') resolve();
      };
      owner.onEvent();
    });
    assert.deepEqual(owner.events, ['refused, no memory, after 0', 'message of 10', 'end']);
  });
}

test('a message that was decompressed while answers wait is not lost', async () => {
  const owner = new Owner();
  const intake = intakeOf(owner);
  push(intake, Buffer.concat([frame(gzipSync(randomBytes(MIB)), 1), frame(Buffer.alloc(10))]));
  owner.isHeld = true;
  await new Promise<void>((resolve) => {
    owner.onEvent = resolve;
  });
  // What follows on the delivery.
  await new Promise(setImmediate);
  owner.isHeld = false;
  intake.resume();
  assert.deepEqual(owner.events, [`message of ${MIB}`, 'message of 10']);
});
