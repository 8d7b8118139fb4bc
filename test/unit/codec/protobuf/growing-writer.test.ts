import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GrowingWriter } from '../../../../src/codec/protobuf/growing-writer.ts';

const written = (writer: GrowingWriter): Buffer => writer.buffer.subarray(0, writer.position);

describe('a growing writer', () => {
  it('keeps what was written when it grows', () => {
    const writer = new GrowingWriter(4);
    for (let i = 0; i < 100; i++) {
      writer.reserve(1);
      writer.varint(i);
    }
    assert.deepEqual([...written(writer)], [...Array(100).keys()]);
  });

  for (const length of [0, 1, 127, 128, 16_383, 16_384, 70_000]) {
    for (const lengthBytes of [1, 2]) {
      it(`puts ${length} as a length where ${lengthBytes} bytes were left`, () => {
        const writer = new GrowingWriter(8);
        writer.reserve(length + 16);
        const at = writer.begin(lengthBytes);
        writer.bytes(new Uint8Array(length).fill(7));
        writer.end(at, lengthBytes);
        const expected = new GrowingWriter(length + 8);
        expected.varint(length);
        expected.bytes(new Uint8Array(length).fill(7));
        assert.deepEqual(written(writer), written(expected));
      });
    }
  }

  for (const text of ['', 'Predict', 'x'.repeat(63), 'x'.repeat(200), 'größer', '字'.repeat(40), '🙂', '\ud800']) {
    it(`writes ${JSON.stringify(text.slice(0, 9))} (${text.length}) as UTF-8 behind its length`, () => {
      const writer = new GrowingWriter(1024);
      writer.lengthAndText(text);
      const bytes = Buffer.from(text);
      const expected = new GrowingWriter(1024);
      expected.varint(bytes.length);
      expected.bytes(bytes);
      assert.deepEqual(written(writer), written(expected));
    });
  }

  it('writes hex digits of either case, fixed numbers and doubles', () => {
    const writer = new GrowingWriter(64);
    writer.hex('00fFaB');
    writer.fixed32(0xfeedbeef);
    writer.fixed64(1, 0x80000000);
    writer.double(-1.5);
    const expected = Buffer.from('00ffabefbeedfe0100000000000080000000000000f8bf', 'hex');
    assert.deepEqual(written(writer), expected);
  });
});
