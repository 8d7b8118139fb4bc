import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { ANSWER_CODINGS, compressAnswer } from '../../../../../src/proxy/http1/coding/answer-compression.ts';
import { decodeZstd } from '../../../../../src/proxy/http1/coding/zstd-body.ts';

const BODY = Buffer.from(JSON.stringify(Array.from({ length: 5000 }, (_, i) => i / 8)));

test('each coding gives back what went in, smaller', async () => {
  assert.deepEqual(
    ANSWER_CODINGS.filter((coding) => coding !== 'zstd'),
    ['br', 'gzip'],
  );
  for (const coding of ANSWER_CODINGS) {
    const compressed = await compressAnswer(BODY, coding);
    assert.ok(compressed.length < BODY.length / 2, coding);
    const whole = {
      br: () => brotliDecompressSync(compressed),
      gzip: () => gunzipSync(compressed),
      zstd: () => decodeZstd(compressed, BODY.length) as Promise<Buffer>,
    }[coding];
    assert.deepEqual(await whole(), BODY, coding);
  }
});
