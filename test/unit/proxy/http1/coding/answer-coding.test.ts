import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import {
  ANSWER_CODINGS,
  type Coding,
  chooseCoding,
  compressAnswer,
} from '../../../../../src/proxy/http1/coding/answer-coding.ts';
import { decodeZstd } from '../../../../../src/proxy/http1/coding/zstd-body.ts';

const ALL: readonly Coding[] = ['zstd', 'br', 'gzip'];

const table: readonly (readonly [string | undefined, Coding | undefined])[] = [
  [undefined, undefined],
  ['', undefined],
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['GZIP', 'gzip'],
  ['gzip, deflate, br, zstd', 'zstd'],
  ['gzip, deflate, br', 'br'],
  ['gzip;q=1.0, br;q=0.5', 'gzip'],
  ['gzip ; q=0.3 , br ; Q=0.300', 'br'],
  ['deflate, compress', undefined],
  ['identity', undefined],
  ['*', 'zstd'],
  ['*;q=0', undefined],
  ['zstd;q=0, *', 'br'],
  ['gzip, *;q=0', 'gzip'],
  ['gzip;q=0', undefined],
  ['identity;q=0', undefined],
  ['identity;q=0, gzip;q=0', undefined],
  ['identity;q=0, gzip;q=0.001', 'gzip'],
  ['identity;q=1, gzip;q=0.5', undefined],
  ['identity;q=0.5, gzip;q=0.5', 'gzip'],
  ['gzip;q=2', undefined],
  ['gzip;q=nonsense', undefined],
  ['gzip;level=9', undefined],
  ['gzip;q=1;q=0', undefined],
  [',,gzip,,', 'gzip'],
  [`${'x,'.repeat(600)}gzip`, undefined],
];

for (const [header, expected] of table) {
  test(`${header?.slice(0, 60)} → ${expected}`, () => assert.equal(chooseCoding(header, ALL), expected));
}

test('chooses only an available coding', () => {
  assert.equal(chooseCoding('zstd, gzip;q=0.1', ['br', 'gzip']), 'gzip');
  assert.equal(chooseCoding('*', ['gzip']), 'gzip');
  assert.equal(chooseCoding('gzip', []), undefined);
});

test('never throws, whatever the header', () => {
  const part = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.constantFrom('gzip', 'br', '*', ';q=', '0', '1', '.5', ',', ' '),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
      const chosen = chooseCoding(parts.join(''), ALL);
      assert.ok(chosen === undefined || ALL.includes(chosen));
    }),
  );
});

const BODY = Buffer.from(JSON.stringify(Array.from({ length: 5000 }, (_, i) => i / 8)));

test('each coding makes the body smaller and decodes to the same bytes', async () => {
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
