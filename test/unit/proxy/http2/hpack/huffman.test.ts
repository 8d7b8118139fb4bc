import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { ConnectionError, ErrorCode } from '../../../../../src/proxy/http2/error-code.ts';
import { decodeHuffman, EOS, HUFFMAN_CODES } from '../../../../../src/proxy/http2/hpack/huffman.ts';
import { encodeHuffman } from '../../../../support/huffman-encode.ts';

const decode = (bytes: Uint8Array): string => decodeHuffman(bytes, 0, bytes.length);
const isCompressionError = (error: unknown): boolean =>
  error instanceof ConnectionError && error.code === ErrorCode.COMPRESSION_ERROR;

test('decodes the strings of RFC 7541, appendix C', () => {
  const vectors: readonly (readonly [hex: string, text: string])[] = [
    ['f1e3c2e5f23a6ba0ab90f4ff', 'www.example.com'],
    ['a8eb10649cbf', 'no-cache'],
    ['25a849e95ba97d7f', 'custom-key'],
    ['25a849e95bb8e8b4bf', 'custom-value'],
    ['d07abe941054d444a8200595040b8166e082a62d1bff', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ['9d29ad171863c78f0b97c8e9ae82ae43d3', 'https://www.example.com'],
    [
      '94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
      'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    ],
  ];
  for (const [hex, text] of vectors) assert.equal(decode(Buffer.from(hex, 'hex')), text);
});

test('the longest and the shortest codes are those of appendix B', () => {
  const code = (symbol: number): string => {
    const { bits, length } = HUFFMAN_CODES[symbol]!;
    return bits.toString(2).padStart(length, '0');
  };
  assert.equal(code(0x30), '00000');
  assert.equal(code(0x74), '01001');
  assert.equal(code(0x20), '010100');
  assert.equal(code(0x5c), '1111111111111110000');
  assert.equal(code(0x0a), '111111111111111111111111111100');
  assert.equal(code(EOS), '111111111111111111111111111111');
});

test('every byte is decoded, alone and among others', () => {
  for (let byte = 0; byte < 256; byte++) {
    for (const bytes of [[byte], [byte, byte], [0x61, byte, 0x7a]]) {
      const text = Buffer.from(bytes);
      assert.equal(decode(encodeHuffman(text)), text.toString('latin1'));
    }
  }
});

test('an empty string is an empty string', () => {
  assert.equal(decode(Buffer.alloc(0)), '');
});

test('padding that is not the start of EOS, or is longer than 7 bits, is an error', () => {
  // 'a' is 00011: the rest must be ones.
  assert.equal(decode(Buffer.from([0b00011111])), 'a');
  assert.throws(() => decode(Buffer.from([0b00011110])), isCompressionError);
  assert.throws(() => decode(Buffer.from([0b00011111, 0xff])), isCompressionError);
});

test('EOS in a string is an error', () => {
  assert.throws(() => decode(Buffer.from([0xff, 0xff, 0xff, 0xff])), isCompressionError);
});
