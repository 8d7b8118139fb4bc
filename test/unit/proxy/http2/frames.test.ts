import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { ConnectionError, ErrorCode } from '../../../../src/proxy/http2/error-code.ts';
import { FrameReader, type FrameSink } from '../../../../src/proxy/http2/frames.ts';
import { SLAB_BYTES, SlabPool } from '../../../../src/proxy/http2/output-queue.ts';
import { frame } from '../../../support/http2-frames.ts';

const readAll = (chunks: readonly Buffer[], maxFrameBytes = 16_384): string[] => {
  const seen: string[] = [];
  const reader = new FrameReader(
    {
      onFrame: (type, flags, id, bytes, start, end) =>
        seen.push(`${type} ${flags} ${id} ${bytes.toString('latin1', start, end)}`),
    },
    maxFrameBytes,
    new SlabPool(),
  );
  for (const chunk of chunks) reader.read(chunk);
  return seen;
};

const BYTES = Buffer.concat([
  frame(0, 1, 3, Buffer.from('hello')),
  frame(4, 0, 0),
  frame(9, 4, 0x7fffffff, Buffer.from('x')),
]);
const SEEN = ['0 1 3 hello', '4 0 0 ', '9 4 2147483647 x'];

test('reads frames from one chunk', () => assert.deepEqual(readAll([BYTES]), SEEN));

test('reads the same frames however the bytes are cut', () => {
  for (let size = 1; size < BYTES.length; size++) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < BYTES.length; at += size) chunks.push(BYTES.subarray(at, at + size));
    assert.deepEqual(readAll(chunks), SEEN, `pieces of ${size}`);
  }
});

test('empty chunks do nothing', () => {
  const empty = Buffer.alloc(0);
  assert.deepEqual(
    readAll([empty, BYTES.subarray(0, 4), empty, BYTES.subarray(4, 11), empty, BYTES.subarray(11)]),
    SEEN,
  );
});

test('the reserved bit of the stream id is ignored', () => {
  const bytes = frame(0, 0, 5);
  bytes[5] = 0x80;
  assert.deepEqual(readAll([bytes]), ['0 0 5 ']);
});

test('a frame of the largest size is read, one byte more is refused as soon as its length is known', () => {
  assert.equal(readAll([frame(0, 0, 1, Buffer.alloc(16_384))]).length, 1);
  const isSizeError = (error: unknown): boolean =>
    error instanceof ConnectionError && error.code === ErrorCode.FRAME_SIZE_ERROR;
  const head = frame(0, 0, 1, Buffer.alloc(16_385)).subarray(0, 9);
  assert.throws(() => readAll([head]), isSizeError);
  assert.throws(() => readAll([head.subarray(0, 8), head.subarray(8)]), isSizeError);
});

test('passes on no more frames once its sink has stopped it', () => {
  const seen: number[] = [];
  const reader: FrameReader = new FrameReader(
    {
      onFrame(type) {
        seen.push(type);
        reader.stop();
      },
    },
    16_384,
    new SlabPool(),
  );
  reader.read(BYTES);
  reader.read(BYTES);
  assert.deepEqual(seen, [0]);
  assert.equal(reader.hasPartialFrame, false);
});

test('the memory in which a large frame is assembled is reused', () => {
  const slabs = new SlabPool();
  const memories = new Set<ArrayBufferLike>();
  const payloads: string[] = [];
  const onFrame: FrameSink['onFrame'] = (_type, _flags, _id, bytes, start, end) => {
    memories.add(bytes.buffer);
    payloads.push(bytes.toString('latin1', start, end));
  };
  const reader = new FrameReader({ onFrame }, 16_384, slabs);
  const sent = ['a', 'b', 'c'].map((letter) => letter.repeat(16_384));
  for (const text of sent) {
    const bytes = frame(0, 0, 1, Buffer.from(text));
    for (const piece of [bytes.subarray(0, 5), bytes.subarray(5, 9000), bytes.subarray(9000)]) reader.read(piece);
  }
  assert.deepEqual(payloads, sent);
  assert.equal(memories.size, 1);
});

test('a frame larger than a slab gets memory of its own', () => {
  const text = 'x'.repeat(SLAB_BYTES + 1);
  const bytes = frame(0, 0, 1, Buffer.from(text));
  assert.deepEqual(readAll([bytes.subarray(0, 20), bytes.subarray(20)], 2 ** 20), [`0 0 1 ${text}`]);
});
