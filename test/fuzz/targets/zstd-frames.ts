import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { zstdFrames } from '../../../src/proxy/http1/coding/zstd-frames.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

const MAGIC = Buffer.of(0x28, 0xb5, 0x2f, 0xfd);

export const target: FuzzTarget = {
  says: 'where the frames of a zstd body begin and end',
  maxBytes: 512,
  words: [MAGIC, Buffer.of(0x50, 0x2a, 0x4d, 0x18), Buffer.of(0x20, 0, 1, 0, 0)],
  seeds: [Buffer.concat([MAGIC, Buffer.of(0x20, 3, 25, 0, 0), Buffer.from('abc')])],
  run(bytes) {
    let end = 0;
    for (const frame of zstdFrames(bytes) ?? []) {
      assert.ok(frame.start >= end && frame.end > frame.start && frame.end <= bytes.length);
      assert.ok(frame.atMostBytes >= 0 && Number.isSafeInteger(frame.atMostBytes));
      end = frame.end;
    }
  },
};
