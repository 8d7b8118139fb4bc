import assert from 'node:assert/strict';
import { it } from 'node:test';
import { WireReader } from '../../../../src/codec/protobuf/wire-reader.ts';
import { lengthDelimitedSize, varintSize, WireWriter } from '../../../../src/codec/protobuf/wire-writer.ts';

for (const value of [
  0,
  127,
  128,
  2 ** 28 - 1,
  2 ** 28,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 35,
  2 ** 42,
  Number.MAX_SAFE_INTEGER,
]) {
  it(`a varint of ${value} has the size that was counted, and reads back`, () => {
    const writer = new WireWriter(varintSize(value));
    writer.varint(value);
    assert.equal(writer.position, writer.buffer.length);
    assert.equal(new WireReader(writer.buffer, 'Test').int64AsNumber(), value);
  });
}

for (const [field, length] of [
  [1, 0],
  [15, 127],
  [15, 128],
  [16, 127],
  [17, 300],
] as const) {
  it(`the head of field ${field} with ${length} bytes has the size that was counted, and reads back`, () => {
    const writer = new WireWriter(lengthDelimitedSize(field, length));
    writer.head(field, length);
    assert.equal(writer.position + length, writer.buffer.length);
    const reader = new WireReader(writer.buffer, 'Test');
    assert.ok(reader.next());
    assert.equal(reader.field, field);
    assert.equal(reader.length(), length);
  });
}
