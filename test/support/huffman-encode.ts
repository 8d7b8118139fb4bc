/** HPACK's Huffman code in the other direction: the engine only decodes. */
import { Buffer } from 'node:buffer';
import { HUFFMAN_CODES } from '../../src/proxy/http2/hpack/huffman.ts';

export function encodeHuffman(text: Uint8Array): Buffer {
  let bits = '';
  for (const symbol of text) {
    const code = HUFFMAN_CODES[symbol]!;
    bits += code.bits.toString(2).padStart(code.length, '0');
  }
  bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2)));
}
