import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { lengthDelimited, varintTag, WireReader } from '../../../../src/codec/protobuf/wire-reader.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { bytesField, tag, varint, varintField } from '../../../support/wire-fragments.ts';

function invalid(text: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ServingError && error.kind === 'invalid_request' && text.test(error.message);
}

test('fields come one by one, submessages are entered and left', () => {
  const bytes = Buffer.concat([varintField(1, 300), bytesField(2, varintField(3, -1)), bytesField(4, 'ü')]);
  const reader = new WireReader(bytes, 'Test');
  assert.ok(reader.next());
  assert.equal(reader.tag, varintTag(1));
  assert.equal(reader.varint(), 300);
  assert.ok(reader.next());
  assert.equal(reader.tag, lengthDelimited(2));
  const outer = reader.enter();
  assert.ok(reader.next());
  assert.equal(reader.int64(), -1n);
  assert.equal(reader.next(), false);
  reader.leave(outer);
  assert.ok(reader.next());
  assert.equal(reader.string(), 'ü');
  assert.equal(reader.next(), false);
});

test('a submessage that was not read to its end is left all the same', () => {
  const reader = new WireReader(Buffer.concat([bytesField(1, 'abc'), varintField(2, 7)]), 'Test');
  reader.next();
  reader.leave(reader.enter());
  assert.ok(reader.next());
  assert.equal(reader.varint(), 7);
});

test('64-bit integers are exact as bigint, and exact to 2^53 as number', () => {
  for (const value of [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n, 2n ** 35n + 5n]) {
    assert.equal(new WireReader(varint(value), 'Test').int64(), value);
    if (value < 2n ** 53n && value > -(2n ** 53n)) {
      assert.equal(new WireReader(varint(value), 'Test').int64AsNumber(), Number(value));
    }
  }
});

test('a message that is cut off, overlong or no proto3 is refused with its name and the offset', () => {
  const read = (bytes: Buffer) => () => {
    const reader = new WireReader(bytes, 'PredictRequest');
    while (reader.next()) reader.skip();
  };
  assert.throws(
    read(Buffer.from([0x0a])),
    invalid(/^PredictRequest is not valid protobuf near byte 1 of 1: it is cut off/),
  );
  assert.throws(read(Buffer.from([0x0a, 5, 1])), invalid(/cut off/));
  assert.throws(read(Buffer.from([0x0d, 1, 2, 3])), invalid(/cut off/));
  assert.throws(read(Buffer.from([0x09, 1, 2, 3, 4, 5, 6, 7])), invalid(/cut off/));
  assert.throws(read(Buffer.concat([tag(1, 0), Buffer.alloc(11, 0x80)])), invalid(/longer than 10 bytes/));
  assert.throws(read(tag(1, 3)), invalid(/wire type 3/));
  assert.throws(read(tag(1, 4)), invalid(/wire type 4/));
  assert.throws(read(Buffer.from([0x02, 0])), invalid(/no such field number/));
  assert.throws(read(varint(2n ** 40n)), invalid(/no such field number/));
  assert.throws(read(Buffer.concat([tag(1, 2), varint(2n ** 33n)])), invalid(/cut off/));
});

test('a length past the submessage but inside the message is cut off', () => {
  const inner = Buffer.concat([tag(1, 2), varint(5), Buffer.from('ab')]);
  const reader = new WireReader(Buffer.concat([bytesField(1, inner), bytesField(2, 'more than enough')]), 'Test');
  reader.next();
  reader.enter();
  reader.next();
  assert.throws(() => reader.skip(), invalid(/cut off/));
});

test('a view is a plain Uint8Array over the same memory, whatever the message was', () => {
  const memory = Buffer.from('xxabcxx');
  const reader = new WireReader(memory.subarray(2, 5), 'Test');
  const view = reader.view(1, 3);
  assert.equal(Object.getPrototypeOf(view), Uint8Array.prototype);
  memory[3] = 'B'.charCodeAt(0);
  assert.equal(Buffer.from(view).toString(), 'Bc');
});
