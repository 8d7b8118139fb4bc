import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, test } from 'node:test';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import {
  type DecodeFrame,
  decodeByNode,
  decodeByWasm,
  decodeZstd,
} from '../../../../../src/proxy/http1/coding/zstd-body.ts';
import {
  block,
  EMPTY_FRAME,
  frame,
  NUMBERS,
  SKIPPABLE_FRAME,
  ZSTD_BODY,
  ZSTD_BODY_CHECKED,
  ZSTD_NUMBERS,
  ZSTD_NUMBERS_STREAMED,
  zstdBomb,
} from '../../../../support/zstd-bodies.ts';

const SMALL = '{"instances":[1,2]}';
const LIMIT = 1 << 20;
const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');

const ways: readonly (readonly [string, DecodeFrame])[] = [
  ['WebAssembly', decodeByWasm],
  ...('zstdDecompress' in zlib ? [['Node', decodeByNode] as const] : []),
];

for (const [name, decodeFrame] of ways) {
  const outcome = async (body: Buffer, limit = LIMIT): Promise<string> =>
    (await decodeZstd(body, limit, undefined, decodeFrame)).toString();

  describe(`zstd by ${name}`, () => {
    test('frames of every kind are decoded, also several in a row', async () => {
      assert.equal(await outcome(bytes(ZSTD_BODY)), SMALL);
      assert.equal(await outcome(bytes(ZSTD_BODY_CHECKED)), SMALL);
      assert.equal(await outcome(bytes(ZSTD_NUMBERS)), NUMBERS);
      assert.equal(await outcome(bytes(ZSTD_NUMBERS_STREAMED)), NUMBERS);
      const several = [SKIPPABLE_FRAME, bytes(ZSTD_BODY), EMPTY_FRAME, bytes(ZSTD_NUMBERS_STREAMED)];
      assert.equal(await outcome(Buffer.concat(several)), SMALL + NUMBERS);
      assert.equal(await outcome(SKIPPABLE_FRAME), '');
      assert.equal(await outcome(frame([block('raw', 2, [65, 66], false), block('rle', 3, [67], true)])), 'ABCCC');
    });

    test('a body of exactly the limit is decoded, a lower limit refuses it', async () => {
      for (const body of [ZSTD_NUMBERS, ZSTD_NUMBERS_STREAMED]) {
        assert.equal(await outcome(bytes(body), NUMBERS.length), NUMBERS);
        assert.equal(await outcome(bytes(body), NUMBERS.length - 1), 'too large');
      }
      const twice = Buffer.concat([bytes(ZSTD_BODY_CHECKED), bytes(ZSTD_BODY_CHECKED)]);
      assert.equal(await outcome(twice, 2 * SMALL.length), SMALL + SMALL);
      assert.equal(await outcome(twice, 2 * SMALL.length - 1), 'too large');
      assert.equal(await outcome(twice, SMALL.length), 'too large');
      assert.equal(await outcome(zstdBomb(1 << 30)), 'too large');
    });

    test('a truncated body, and bytes after the end, are invalid', async () => {
      for (const whole of [ZSTD_BODY, ZSTD_BODY_CHECKED, ZSTD_NUMBERS, ZSTD_NUMBERS_STREAMED].map(bytes)) {
        for (let length = 0; length < whole.length; length++) {
          assert.equal(await outcome(whole.subarray(0, length)), 'invalid', `${length} of ${whole.length} bytes`);
        }
        assert.equal(await outcome(Buffer.concat([whole, Buffer.from('x')])), 'invalid');
      }
      assert.equal(await outcome(SKIPPABLE_FRAME.subarray(0, -1)), 'invalid');
    });

    test('a changed byte is detected, by the checksum at the latest', async () => {
      const whole = bytes(ZSTD_NUMBERS);
      for (let at = 20; at < whole.length; at++) {
        const broken = Buffer.from(whole);
        broken[at]! ^= 0x41;
        assert.match(await outcome(broken), /^(?:invalid|too large)$/, `byte ${at}`);
      }
    });

    test('random bytes are refused, and the next body is still decoded', async () => {
      const likely = fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.boolean());
      await fc.assert(
        fc.asyncProperty(likely, async ([tail, hasHead]) => {
          await outcome(
            hasHead ? Buffer.concat([bytes(ZSTD_NUMBERS).subarray(0, 40), tail]) : frame([Buffer.from(tail)]),
          );
          assert.equal(await outcome(bytes(ZSTD_BODY)), SMALL);
        }),
        { numRuns: 200 },
      );
    });
  });
}

test('a frame that asks for more memory than HTTP allows, for a dictionary or for a strange block is invalid', async () => {
  const asks = async (body: Buffer): Promise<unknown> =>
    decodeZstd(body, LIMIT, undefined, () => assert.fail('decoded'));
  const one = [block('rle', 10, [65], true)];
  assert.equal(await asks(frame(one, 0x70)), 'invalid', 'a window of 16 MiB');
  const dictionary = Buffer.from(bytes(ZSTD_BODY));
  dictionary[4]! |= 1;
  assert.equal(await asks(dictionary), 'invalid');
  assert.equal(await asks(frame([Buffer.from([0x07, 0, 0])])), 'invalid', 'a block of no type');
  assert.equal(await asks(frame([block('rle', 200_000, [65], true)])), 'invalid', 'a block over 128 KiB');
  assert.equal(await asks(Buffer.concat(new Array<Buffer>(1001).fill(EMPTY_FRAME))), 'invalid', '1001 frames');
});
