import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { ConnectionError, ErrorCode } from '../../../../../src/proxy/http2/error-code.ts';
import { HpackDecoder } from '../../../../../src/proxy/http2/hpack/hpack-decoder.ts';

const decode = (decoder: HpackDecoder, hex: string): string[] => {
  const block = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  // Not at the start of its buffer, as in a frame.
  const bytes = Buffer.concat([Buffer.from([0xff]), block, Buffer.from([0xff])]);
  return decoder.decode(bytes, 1, 1 + block.length).fields.map(({ name, value }) => `${name}: ${value}`);
};
const fresh = (): HpackDecoder => new HpackDecoder(16_384);
const isCompressionError = (error: unknown): boolean =>
  error instanceof ConnectionError && error.code === ErrorCode.COMPRESSION_ERROR;

test('RFC 7541, C.2: each representation of a field', () => {
  assert.deepEqual(decode(fresh(), '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'), [
    'custom-key: custom-header',
  ]);
  assert.deepEqual(decode(fresh(), '040c 2f73 616d 706c 652f 7061 7468'), [':path: /sample/path']);
  assert.deepEqual(decode(fresh(), '1008 7061 7373 776f 7264 0673 6563 7265 74'), ['password: secret']);
  assert.deepEqual(decode(fresh(), '82'), [':method: GET']);
});

const REQUESTS = {
  'C.3: requests': [
    '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
    '8286 84be 5808 6e6f 2d63 6163 6865',
    '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
  ],
  'C.4: requests in the Huffman code': [
    '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
    '8286 84be 5886 a8eb 1064 9cbf',
    '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
  ],
};

for (const [name, blocks] of Object.entries(REQUESTS)) {
  test(`RFC 7541, ${name}, each using what the last left in the table`, () => {
    const decoder = fresh();
    assert.deepEqual(decode(decoder, blocks[0]!), [
      ':method: GET',
      ':scheme: http',
      ':path: /',
      ':authority: www.example.com',
    ]);
    assert.deepEqual(decode(decoder, blocks[1]!), [
      ':method: GET',
      ':scheme: http',
      ':path: /',
      ':authority: www.example.com',
      'cache-control: no-cache',
    ]);
    assert.deepEqual(decode(decoder, blocks[2]!), [
      ':method: GET',
      ':scheme: https',
      ':path: /index.html',
      ':authority: www.example.com',
      'custom-key: custom-value',
    ]);
  });
}

const RESPONSES = {
  'C.5: responses': [
    '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d' +
      '546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
    '4803 3330 37c1 c0bf',
    '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f' +
      '6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b' +
      '2076 6572 7369 6f6e 3d31',
  ],
  'C.6: responses in the Huffman code': [
    '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7' +
      '8f0b 97c8 e9ae 82ae 43d3',
    '4883 640e ffc1 c0bf',
    '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335' +
      'dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
  ],
};

for (const [name, blocks] of Object.entries(RESPONSES)) {
  test(`RFC 7541, ${name}, with eviction from a table of 256 bytes`, () => {
    const decoder = fresh();
    // 3f e1 01: the size is 256 from now on.
    assert.deepEqual(decode(decoder, `3fe101${blocks[0]}`), [
      ':status: 302',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:21 GMT',
      'location: https://www.example.com',
    ]);
    assert.deepEqual(decode(decoder, blocks[1]!), [
      ':status: 307',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:21 GMT',
      'location: https://www.example.com',
    ]);
    assert.deepEqual(decode(decoder, blocks[2]!), [
      ':status: 200',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:22 GMT',
      'location: https://www.example.com',
      'content-encoding: gzip',
      'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    ]);
    // Three of those have pushed out all that was there before: 62 to 64 are left.
    assert.throws(() => decode(decoder, 'c1'), isCompressionError);
  });
}

test('a field larger than the table empties it and is still decoded', () => {
  const decoder = fresh();
  decode(decoder, '4001 6101 62');
  assert.deepEqual(decode(decoder, 'be'), ['a: b']);
  const value = '78'.repeat(4090);
  // 4090 = 127 + 3963: 7f fb 1e.
  assert.equal(decode(decoder, `4001 63 7ffb1e ${value}`)[0]!.length, 'c: '.length + 4090);
  assert.throws(() => decode(decoder, 'be'), isCompressionError);
});

const BROKEN: Readonly<Record<string, string>> = {
  'index 0': '80',
  'index past the tables': 'be',
  'name index past the tables': '7f00 0161',
  'size update after a field': '8220',
  'size update past what we announced': '3fe2 1f',
  'three size updates': '2020 20',
  'string past the end of the block': '0005 6162',
  'block that ends before a value': '0001 61',
  'block that ends inside an integer': 'ff80',
  'integer past 2^28': 'ff80 8080 8080 01',
  'string longer than any block': '007f ffff ff7f',
};

for (const [name, hex] of Object.entries(BROKEN)) {
  test(`refuses: ${name}`, () => {
    assert.throws(() => decode(fresh(), hex), isCompressionError);
  });
}

test('a list past its limit is cut there, and the table still follows', () => {
  const decoder = new HpackDecoder(100);
  const value = '76'.repeat(60);
  const block = Buffer.from(`4001 61 3c ${value} bebe bebe 4001 6201 63`.replaceAll(' ', ''), 'hex');
  const decoded = decoder.decode(block, 0, block.length);
  assert.equal(decoded.isOversized, true);
  assert.equal(decoded.fields.length, 1);
  assert.deepEqual(decode(decoder, 'be'), ['b: c']);
});

test('a field that is referred to again is the same object', () => {
  const decoder = fresh();
  const block = Buffer.from('4001610162', 'hex');
  const first = decoder.decode(block, 0, block.length).fields[0];
  assert.equal(decoder.decode(Buffer.from('be', 'hex'), 0, 1).fields[0], first);
});

test('the version of the table changes with the table and not otherwise', () => {
  const decoder = fresh();
  const before = decoder.table.version;
  decode(decoder, '82 0001 6101 62');
  assert.equal(decoder.table.version, before);
  decode(decoder, '4001 6101 62');
  assert.notEqual(decoder.table.version, before);
});
